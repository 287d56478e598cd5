// Contacts that an operation is told of besides those of the routing table.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "support/drive.h"

using namespace kadmos;
using Host = Drive::Host;

namespace {

// A node with k = 4 that knows nobody, and six peers that hold nothing and know nobody.
struct Told {
  Told() : a(net.add()) {
    for (int i = 0; i < 6; ++i) {
      peers.push_back(net.add_raw());
      via.push_back(net.contact(peers.back()));
    }
    net.raw_answer = [](const Drive::Sent& one) -> std::optional<wire::Body> {
      if (const auto* store = std::get_if<wire::Store>(&one.message.body)) {
        return wire::Stored{wire::StoreStatus::durable, store->record.sequence};
      }
      return wire::Nodes{};
    };
  }
  // Whom it sent requests of these kinds.
  template <class... Bodies>
  std::set<Host> asked() const {
    std::set<Host> out;
    const auto add = [&](const std::vector<Drive::Sent>& sent) {
      for (const Drive::Sent& one : sent) out.insert(one.to);
    };
    (add(net.sent_of<Bodies>(a)), ...);
    return out;
  }
  std::set<Host> first_four() const { return {peers.begin(), peers.begin() + 4}; }
  bool only_of_the_first_four(const std::set<Host>& hosts) const {
    const std::set<Host> four = first_four();
    return std::includes(four.begin(), four.end(), hosts.begin(), hosts.end());
  }

  Drive net;
  Host a;
  std::vector<Host> peers;
  std::vector<Contact> via;
};

}  // namespace

TEST_CASE("a get asks the first k it is told of besides those it knows") {
  Told f;
  GetRequest request{f.net.key(f.peers[0], "name")};
  request.via = f.via;
  request.quorum = 4;
  CHECK(f.net.run<Found>(f.a, request).error().code == Errc::not_found);
  CHECK(f.asked<wire::FindValue>() == f.first_four());
}

TEST_CASE("a set asks of the first k it is told of and stores on them") {
  Told f;
  SetRequest request = f.net.set("name", "value");
  request.via = f.via;
  const auto receipt = f.net.run<Receipt>(f.a, request);
  REQUIRE(receipt.ok());
  CHECK(receipt->hops == 1);
  CHECK(f.only_of_the_first_four(f.asked<wire::FindValue, wire::Store>()));
  CHECK(f.asked<wire::Store>().size() >= 3);  // this node may be one of the four
}

TEST_CASE("a put asks of the first k it is told of and stores on them") {
  Told f;
  PublishRequest request = f.net.put("value");
  request.via = f.via;
  REQUIRE(f.net.run<Receipt>(f.a, request).ok());
  CHECK(f.only_of_the_first_four(f.asked<wire::FindNode, wire::Store>()));
  CHECK(f.asked<wire::Store>().size() >= 3);
}

TEST_CASE("whom an operation is told of may be gone or be the node itself") {
  Told f;
  f.net.take_down(f.peers[1]);
  GetRequest request{f.net.key(f.peers[0], "name")};
  request.via = {f.net.contact(f.a), f.via[1], f.via[2], f.via[2]};
  CHECK(f.net.run<Found>(f.a, request).error().code == Errc::not_found);
  CHECK(f.asked<wire::FindValue>().contains(f.peers[2]));
  CHECK(f.net.sent_of<wire::FindValue>(f.a, f.peers[2]).size() == 1);
}
