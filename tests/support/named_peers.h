// A node with k = 4 (so w = 3, r = 2) that knows six raw peers, named by their place: peer(0) is
// the nearest to the key. Each holds what the test says, takes what it is sent, and names all the
// others.
#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "support/drive.h"

namespace kadmos {

struct NamedPeers {
  using Host = Drive::Host;

  explicit NamedPeers(const Config& config = Drive::config()) : a(net.add(config)) {
    for (int i = 0; i < 6; ++i) peers.push_back(net.add_raw());
    peers = net.by_distance(key, peers);
    for (const Host peer : peers) net.meet_one(a, peer);
    net.raw_answer = [this](const Drive::Sent& one) -> std::optional<wire::Body> {
      if (const auto* store = std::get_if<wire::Store>(&one.message.body)) {
        stored.push_back(one.to);
        if (to_store.contains(one.to)) return to_store.at(one.to);
        held[one.to] = store->record;
        return wire::Stored{wire::StoreStatus::durable, store->record.sequence};
      }
      wire::Nodes nodes;
      for (const Host peer : peers) {
        if (peer != one.to) nodes.contacts.push_back(net.contact(peer));
      }
      if (held.contains(one.to)) nodes.record = held.at(one.to);
      return nodes;
    };
  }
  NamedPeers(const NamedPeers&) = delete;
  NamedPeers& operator=(const NamedPeers&) = delete;

  Record version(std::uint64_t sequence, std::string_view value = "value") const {
    return records::owned(owner, "name", sequence, value, records::kNoon + std::chrono::hours(1));
  }
  Host peer(std::size_t place) const { return peers[place]; }

  Drive net;
  Identity owner = records::identity(200);
  Key key = owned_key(owner.public_key(), view_of("name"));
  Host a;
  std::vector<Host> peers;
  std::map<Host, Record> held;
  std::map<Host, wire::Body> to_store;  // answers to stores, where they are no success
  std::vector<Host> stored;             // who was asked to
};

}  // namespace kadmos
