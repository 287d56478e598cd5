// Watches over real sockets.
#include <doctest/doctest.h>

#include <future>

#include "net/harness.h"
#include "wire/codec.h"

namespace kadmos::net {
namespace {

TEST_CASE("A watcher that never reads is cut off and forgotten") {
  UvLoop loop;
  auto made = make_node(loop, Identity::from_seed(seed_of(1)), {}, listening());
  REQUIRE(made.ok());
  Node& node = **made;
  const Key key = owned_key(node.public_key(), view_of("name"));
  const Bytes watch = wire::encode(wire::Message{1, wire::Watch{key, 600}});
  std::promise<void> over;
  std::thread watcher([&, to = node.contact().endpoints.front(), wait = over.get_future()] {
    RawSocket socket(to);
    RawTls tls(socket, false, {});
    tls.write(hello() + netstring(std::string(text_of(watch))));
    wait.wait();
  });
  CHECK(until(loop, [&] { return node.stats().watches_held == 1; }));
  const Bytes value(Limits{}.value_bytes, 'x');
  int sets = 0;  // the kernel takes some of it before the node's own queue fills
  while (node.stats().watches_held > 0 && sets < 2000) {
    CHECK(loop.run_until(node.set("name", value)).ok());
    ++sets;
    const auto turn = loop.after(std::chrono::milliseconds(0), [&] { loop.stop(); });
    loop.run();
  }
  CHECK(node.stats().watches_held == 0);
  CHECK(node.stats().peers_unread == 1);
  const std::uint64_t sent = node.stats().updates_sent;
  CHECK(loop.run_until(node.set("name", value)).ok());
  CHECK(node.stats().updates_sent == sent);
  over.set_value();
  watcher.join();
}

TEST_CASE("A watch over real sockets gives what is set and ends at the replica when dropped") {
  UvLoop loop;
  auto replica = make_node(loop, Identity::from_seed(seed_of(1)), {}, listening());
  REQUIRE(replica.ok());
  Config config;
  config.client = true;
  config.bootstrap.push_back({(*replica)->contact().endpoints.front(), std::nullopt});
  auto client = make_node(loop, Identity::from_seed(seed_of(2)), config, {});
  REQUIRE(client.ok());
  REQUIRE(loop.run_until((*client)->join()).ok());
  std::optional<Stream<Update>> updates =
      (*client)->watch(owned_key((*replica)->public_key(), view_of("name")));
  CHECK(until(loop, [&] { return (*replica)->stats().watches_held == 1; }));
  for (const std::string value : {"one", "two", "three"}) {
    REQUIRE(loop.run_until((*replica)->set("name", view_of(value))).ok());
    const auto next = loop.run_until(updates->next());
    REQUIRE(next.ok());
    CHECK(text_of((*next)->record.value) == value);
  }
  updates.reset();
  CHECK(until(loop, [&] { return (*replica)->stats().watches_held == 0; }));
}

}  // namespace
}  // namespace kadmos::net
