#include "simulations/inspection.h"

#include <algorithm>
#include <map>

#include "ops/quorum.h"

namespace kadmos::sim {

namespace {

constexpr std::size_t kSampledNames = 50;
constexpr std::size_t kSampledNodes = 500;
// A node dials each contact that nobody of its own requests reached during a refresh interval. One
// reached just after such a round began is dialled in the one after it; rounds are up to a fifth
// late, and two dials in vain take some seconds each.
constexpr int kRoundsToNotice = 2;
constexpr Duration kDialsInVain = std::chrono::minutes(1);

std::string node_text(NodeIndex i) { return "node " + std::to_string(i); }

}  // namespace

void Inspection::look_into_nodes() {
  const std::uint64_t astray = world_.network().counts().astray;
  if (astray != astray_) {
    violate_("frames take the living connection",
             std::to_string(astray - astray_) + " were given to a dead one beside it");
    astray_ = astray;
  }
  const std::vector<NodeIndex>& up = crowd_.up();
  const std::size_t step = up.size() / kSampledNodes + 1;
  for (std::size_t at = looks_++ % step; at < up.size(); at += step) {
    const NodeIndex i = up[at];
    Node& node = world_.node(i);
    look_into_table(i);
    const Limits& limits = scenario_.config.limits;
    const Stats stats = node.stats();
    if (stats.requests_sent !=
        stats.replies_received + stats.requests_failed + stats.rpcs_pending) {
      violate_("requests are accounted for",
               node_text(i) + " sent " + std::to_string(stats.requests_sent) +
                   " requests, of which " + std::to_string(stats.replies_received) +
                   " were answered, " + std::to_string(stats.requests_failed) + " failed and " +
                   std::to_string(stats.rpcs_pending) + " are pending");
    }
    const auto bound = [&](const char* what, std::uint64_t is, std::uint64_t most) {
      if (is <= most) return;
      violate_("bounds hold", node_text(i) + ": " + std::to_string(is) + " " + what + ", at most " +
                                  std::to_string(most));
    };
    bound("records", stats.records_held, limits.records);
    bound("bytes of records", stats.bytes_held, limits.record_bytes);
    bound("operations", stats.operations_running, limits.operations);
    bound("pending requests", stats.rpcs_pending, limits.pending_rpcs);
    bound("connections", stats.connections, limits.connections);
    bound("contacts", stats.table_size, static_cast<std::uint64_t>(scenario_.config.k) * Id::kBits);
  }
}

void Inspection::look_into_table(NodeIndex i) {
  const Duration allowed =
      kRoundsToNotice * 6 * scenario_.config.refresh_interval / 5 + kDialsInVain;
  std::map<PublicKey, TimePoint> outdated;
  for (const Contact& contact : world_.node(i).contacts()) {
    const auto there = world_.index_of(contact.key);
    const Endpoint where = contact.endpoints.empty() ? Endpoint{} : contact.endpoints.front();
    const auto host = world_.network().find(where);
    const bool found = host && world_.network().key(*host) == contact.key;
    // A clone that has ended is gone like a node that has moved.
    if (found && (*host == *there || world_.running(*host))) continue;
    if (!there || !world_.has_left(*there, where)) {
      violate_("contacts were verified", node_text(i) + " has " + contact.text() +
                                             " in its table, where nobody can be reached");
      continue;
    }
    if (world_.paused(i)) continue;  // it can't know
    const auto before = outdated_[i].find(contact.key);
    const TimePoint since = before != outdated_[i].end() ? before->second : world_.now();
    outdated.emplace(contact.key, since);
    if (world_.now() - since <= allowed) continue;
    violate_("movers are found where they are", node_text(i) + " still has " + contact.text() +
                                                    " in its table, which " + node_text(*there) +
                                                    " left long ago");
  }
  outdated_[i] = std::move(outdated);
}

bool Inspection::holds(NodeIndex i, const Ledger::Name& name, std::uint64_t sequence) const {
  const auto held = world_.disk(i).record(name.key);
  return held && held->record.sequence >= sequence;
}

std::size_t Inspection::holders_in_place(const Ledger::Name& name, std::uint64_t sequence) const {
  const auto closest =
      crowd_.closest_in_place(name.key, static_cast<std::size_t>(scenario_.config.k));
  return static_cast<std::size_t>(
      std::ranges::count_if(closest, [&](NodeIndex i) { return holds(i, name, sequence); }));
}

double Inspection::replicas_in_place() const {
  const std::size_t step = ledger_.size() / kSampledNames + 1;
  std::size_t names = 0;
  std::size_t held = 0;
  for (std::size_t n = 0; n < ledger_.size(); n += step) {
    const Ledger::Name& name = ledger_.name(n);
    if (!name.acked) continue;
    ++names;
    held += holders_in_place(name, name.acked->sequence);
  }
  return names == 0 ? 0 : static_cast<double>(held) / static_cast<double>(names);
}

std::uint64_t Inspection::lost() const {
  std::uint64_t lost = 0;
  for (std::size_t n = 0; n < ledger_.size(); ++n) {
    const Ledger::Name& name = ledger_.name(n);
    if (!name.acked) continue;
    const std::uint64_t acked = name.acked->sequence;
    if (std::ranges::none_of(crowd_.up(), [&](NodeIndex i) { return holds(i, name, acked); })) {
      ++lost;
    }
  }
  return lost;
}

void Inspection::look_for_convergence() {
  const auto k = static_cast<std::size_t>(scenario_.config.k);
  for (const NodeIndex i : crowd_.up()) {
    const Id& self = world_.node(i).id();
    std::vector<NodeIndex> known;
    std::map<int, std::size_t> buckets;  // how many contacts share so long a prefix with it
    std::size_t dead = 0;
    for (const Contact& contact : world_.node(i).contacts()) {
      const auto there = world_.index_of(contact.key);
      ++buckets[shared_prefix(self, id_of(contact.key))];
      if (there && crowd_.is_up(*there)) {
        known.push_back(*there);
      } else if (!there || !crowd_.is_stranger(*there)) {
        ++dead;
      }
    }
    if (dead > (known.size() + dead) / 10) {
      violate_("tables converge", node_text(i) + ": " + std::to_string(dead) + " of " +
                                      std::to_string(known.size() + dead) +
                                      " contacts are dead after the calm");
    }
    auto neighbours = crowd_.closest_of_all(self, k + 1);
    std::erase(neighbours, i);
    neighbours.resize(std::min(neighbours.size(), k));
    std::erase_if(neighbours, [this](NodeIndex neighbour) { return !crowd_.is_up(neighbour); });
    // A bucket that is full has no place even for a neighbour.
    for (const NodeIndex neighbour : neighbours) {
      if (std::ranges::find(known, neighbour) != known.end() ||
          buckets[shared_prefix(self, world_.node(neighbour).id())] >= k) {
        continue;
      }
      violate_("tables converge", node_text(i) + " does not know " + node_text(neighbour) +
                                      ", one of its " + std::to_string(neighbours.size()) +
                                      " nearest, after the calm");
    }
  }
  for (std::size_t n = 0; n < ledger_.size(); ++n) {
    const Ledger::Name& name = ledger_.name(n);
    if (!name.acked || name.acked->quorum == 0) continue;
    // A set may leave out a near node that was slow, which a round of replication makes good;
    // rounds are up to a fifth late.
    const auto later = name.acks.upper_bound(world_.now() - 6 * scenario_.config.sync_interval / 5);
    if (later == name.acks.begin()) continue;
    const std::uint64_t settled = std::prev(later)->second;
    if (std::ranges::none_of(crowd_.up(), [&](NodeIndex i) { return holds(i, name, settled); })) {
      continue;
    }
    const auto wanted = static_cast<std::size_t>(
        write_quorum(static_cast<int>(crowd_.closest_in_place(name.key, k).size())));
    const std::size_t held = holders_in_place(name, settled);
    if (held < wanted) {
      violate_("replicas converge", name.name + " is held by " + std::to_string(held) +
                                        " of its closest nodes after the calm, fewer than " +
                                        std::to_string(wanted));
    }
  }
}

void Inspection::remember_tables() {
  for (const NodeIndex i : crowd_.up()) {
    std::vector<PublicKey>& table = tables_[i];
    for (const Contact& contact : world_.node(i).contacts()) table.push_back(contact.key);
  }
}

void Inspection::look_for_evictions() {
  for (const NodeIndex i : crowd_.up()) {
    const std::vector<Contact> contacts = world_.node(i).contacts();
    for (const PublicKey& key : tables_[i]) {
      const auto there = world_.index_of(key);
      if (!there || !crowd_.is_up(*there)) continue;
      // Who cannot be dialled has no place there; only its clone had.
      if (!crowd_.population().contains(world_.node(*there).id())) continue;
      if (std::ranges::find(contacts, key, &Contact::key) != contacts.end()) continue;
      violate_("the living are not evicted",
               node_text(i) + " has put " + node_text(*there) + " out of its table, which lives");
    }
  }
}

void Inspection::look_for_leftovers() {
  // Upkeep may be at work in many nodes at any moment, but in no node for ever. Nothing takes
  // longer than to compare with a neighbour that lacks much, which has five minutes.
  const Duration limit = 2 * scenario_.config.operation_timeout + std::chrono::minutes(7);
  const TimePoint end = world_.now() + limit;
  for (const NodeIndex i : crowd_.up()) {
    const auto at_rest = [&] {
      const Stats stats = world_.node(i).stats();
      return stats.operations_running == 0 && stats.rpcs_pending == 0;
    };
    if (at_rest() || (world_.now() < end && world_.run_until(at_rest, end - world_.now())))
      continue;
    const Stats stats = world_.node(i).stats();
    violate_("nothing is left over",
             node_text(i) + " still has " + std::to_string(stats.operations_running) +
                 " operations and " + std::to_string(stats.rpcs_pending) + " requests running");
  }
  for (const NodeIndex i : crowd_.up()) world_.node(i).close();
  world_.run_for(std::chrono::minutes(1));  // what was under way arrives
  const std::uint64_t frames = frames_;
  world_.run_for(std::chrono::hours(1));
  if (frames_ != frames) {
    violate_("closed nodes are silent",
             std::to_string(frames_ - frames) + " frames were sent after every node had closed");
  }
}

}  // namespace kadmos::sim
