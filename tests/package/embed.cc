#include <kadmos/kadmos.h>

#include <iostream>

using namespace kadmos;

Task<std::string> talk(Node& alice, Node& bob) {
  bob.add_bootstrap({alice.contact().endpoints.front(), alice.public_key()});
  if (auto joined = co_await bob.join(); !joined) co_return joined.error().text();
  auto receipt = co_await alice.set("greeting", view_of("hello from alice"));
  if (!receipt) co_return receipt.error().text();
  auto found = co_await bob.get(owned_key(alice.public_key(), view_of("greeting")));
  co_return found ? std::string(text_of(found->record.value)) : found.error().text();
}

int main() {
  UvLoop loop;
  const TransportOptions loopback{.listen = Endpoint::v4(127, 0, 0, 1, 0)};
  auto alice = make_node(loop, Identity::from_seed(random_seed()), {}, loopback).value();
  auto bob = make_node(loop, Identity::from_seed(random_seed()), {}, loopback).value();
  std::cout << loop.run_until(talk(*alice, *bob)).value() << '\n';
}
