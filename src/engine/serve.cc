// Serving peers: what a node answers to the requests of others.
#include <algorithm>

#include "base/plant.h"
#include "engine/engine.h"
#include "wire/schema.h"

namespace kadmos {

// Takes from the message what is kept of it. Each reply is made where it is sent from: a place for
// any of them would be cleared first, and they are large.
void Engine::serve(Now now, const Peer& from, wire::Message& message) {
  ++stats_.requests_served;
  const auto reply = [&](wire::Body&& body) {
    answer(from.contact.key, from.connection, message.request, std::move(body));
  };
  if (config_.client && wire::is_for_replicas(message.body)) {
    reply(wire::Failure{wire::FailureCode::refused, "a client holds no replicas"});
  } else if (std::holds_alternative<wire::Ping>(message.body)) {
    reply(wire::Pong{});
  } else if (const auto* find = std::get_if<wire::FindNode>(&message.body)) {
    reply(wire::Nodes{closest_for(from, find->target), std::nullopt});
  } else if (const auto* value = std::get_if<wire::FindValue>(&message.body)) {
    reply(wire::Nodes{closest_for(from, value->key), readable(now, value->key)});
  } else if (const auto* providers = std::get_if<wire::FindProviders>(&message.body)) {
    auto held =
        store_.announcements(now, providers->key, providers->after, wire::kProvidersPerReply);
    reply(wire::Providers{closest_for(from, providers->key), std::move(held.records), held.more});
  } else if (const auto* watch = std::get_if<wire::Watch>(&message.body)) {
    reply(serve_watch(now, from, message.request, *watch));
  } else if (const auto* compare = std::get_if<wire::Compare>(&message.body)) {
    reply(serve_compare(*compare));
  } else if (const auto* versions = std::get_if<wire::Versions>(&message.body)) {
    reply(serve_versions(from, *versions));
  } else if (auto stored =
                 serve_store(now, from, message.request, std::get<wire::Store>(message.body))) {
    reply(*std::move(stored));
  }
}

// The record held of `key`. A disk that fails costs its peers the record, not their way on.
std::optional<Record> Engine::readable(Now now, const Key& key) {
  auto held = store_.find(now, key);
  if (!held || !*held) return std::nullopt;
  return std::move((*held)->record);
}

wire::Contacts Engine::closest_for(const Peer& from, const Id& target) const {
  wire::Contacts out;
  const auto k = static_cast<std::size_t>(config_.k);
  out.reserve(k);
  for (const ContactRef ref : table_.closest_healthy(target, k + 1)) {
    const Contact& contact = book_.contact(ref);
    // A node that the table has elsewhere than it says it is had better know: see twin_watch.h.
    if (contact.key == from.contact.key && (from.client || contact == from.contact)) continue;
    if (out.size() == k) break;
    out.push_back(contact);
  }
  return out;
}

// Those who should be asked to store `store` as well, as far as is known here.
wire::Contacts Engine::missing_from(const Peer& from, const Key& key,
                                    const wire::Store& store) const {
  if (store.known.empty()) return {};
  const auto k = static_cast<std::size_t>(config_.k);
  const bool all = store.known.size() < k;
  std::uint64_t farthest = 0;
  for (const std::uint64_t top : store.known) farthest = std::max(farthest, top ^ key.top());
  wire::Contacts out;
  for (const ContactRef ref : table_.closest_healthy(key, k + 1)) {
    const std::uint64_t top = book_.top(ref);
    if (!all && (top ^ key.top()) > farthest) break;
    if (std::ranges::count(store.known, top) > 0) continue;
    const Contact& contact = book_.contact(ref);
    if (contact.key != from.contact.key && out.size() < k) out.push_back(contact);
  }
  return out;
}

// The reply, or nothing if it has to wait for the commit.
std::optional<wire::Body> Engine::serve_store(Now now, const Peer& from, std::uint64_t request,
                                              wire::Store& store) {
  using wire::Failure;
  using wire::FailureCode;
  const Record& record = store.record;
  const auto unanswered = unanswered_of_.find(from.contact.key);
  if (unanswered != unanswered_of_.end() &&
      unanswered->second >= config_.limits.requests_per_peer) {
    ++stats_.peer_requests_full;
    return Failure{FailureCode::busy, "too many unanswered stores of one peer"};
  }
  const Party by = Party::at(config_.groups, from.address, from.contact.key);
  const std::size_t bytes = stored_bytes(record);
  if (waiting_.full(by, bytes)) {
    ++stats_.stores_waiting_full;
    return Failure{FailureCode::busy, "too many bytes wait for the disk"};
  }
  const Key key = key_of(record);
  // The very record we hold was verified when it came.
  auto held = store_.newest(now, key);
  if (!(held && *held && (*held)->record == record) && !planted(Plant::skip_signature)) {
    if (auto valid = verify(record, key, config_.network); !valid) {
      ++stats_.records_invalid;
      suspects_.on_offence(now.at, id_of(from.contact.key), true);
      if (offences_.on_bad_signature(now.at, from.contact.key)) {
        ++stats_.peers_shunned;
        misbehaved(now, from, "signatures_bad",
                   "hung up on, since many of the records it stores are not signed as they say");
      }
      return Failure{FailureCode::refused, valid.error().detail};
    }
  }
  learn_of_clock(now, from, record);
  const std::uint64_t sequence = record.sequence;
  // The index takes the record; what is left of it is not looked at.
  const auto verdict =
      store_.offer(now, key, std::move(store.record), Own::none, by.group, store.expects);
  if (verdict.equivocation) {
    notice(now, Notice::Level::warning, "equivocation",
           "two values for " + key.short_hex() + " with sequence " + std::to_string(sequence));
  }
  using Status = RecordStore::Status;
  wire::Stored stored{
      wire::StoreStatus::durable, verdict.sequence, missing_from(from, key, store), {}};
  switch (verdict.status) {
    case Status::accepted:
      break;
    case Status::extended:
      stored.status = wire::StoreStatus::extended;
      break;
    case Status::superseded:
      stored.status = wire::StoreStatus::superseded;
      if (!verdict.commit && held && *held) stored.record = std::move((*held)->record);
      break;
    case Status::refused:
      return Failure{FailureCode::refused, verdict.detail};
    case Status::busy:
      return Failure{FailureCode::busy, verdict.detail};
  }
  if (!verdict.commit) return stored;
  ++unanswered_of_[from.contact.key];
  waiting_.take(by, bytes);
  unanswered_.emplace(*verdict.commit, Unanswered{from.contact.key, from.connection, request, key,
                                                  std::move(stored), by, bytes});
  return std::nullopt;
}

void Engine::answer(const PublicKey& peer, ConnectionId over, std::uint64_t request,
                    wire::Body&& body) {
  outgoing_.push(Transmit{Contact{peer, {}}, wire::Message{request, std::move(body)}, over});
}

}  // namespace kadmos
