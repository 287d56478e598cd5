#include "tests/bench/common/kadmos_network.h"

#include <fmt/core.h>

#include <cstdlib>
#include <thread>

#include "base/check.h"

namespace kadmos::bench {
namespace {

using std::chrono::steady_clock;

std::unique_ptr<Node> make(UvLoop& loop, int k, std::size_t connections) {
  Config config;
  config.k = k;
  config.limits.connections = connections;
  config.limits.dials = 1 << 16;
  config.limits.handshakes = 1 << 16;
  config.limits.requests_per_peer = 1 << 16;
  config.limits.pending_rpcs = 1 << 20;
  config.limits.records_per_owner = config.limits.records;
  TransportOptions options;
  options.listen = Endpoint::v4(127, 0, 0, 1, 0);
  return make_node(loop, Identity::from_seed(random_seed()), config, options).value();
}

void join(UvLoop& loop, Node& node, const std::string& entry) {
  node.add_bootstrap({*Endpoint::parse(entry), {}});
  const auto joined = loop.run_until(node.join());
  if (joined) return;
  fmt::print(stderr, "a node did not join: {}\n", joined.error().text());
  std::exit(1);
}

// Makes and joins `count` nodes when it is told through whom, says so, and lives on.
void live_apart(std::size_t count, const Plan& plan, const Line& line) {
  const std::string entry = line.hear();
  UvLoop loop;
  std::vector<std::unique_ptr<Node>> nodes;
  while (nodes.size() < count) {
    nodes.push_back(make(loop, plan.k, plan.connections));
    join(loop, *nodes.back(), entry);
  }
  line.say("joined");
  loop.run();
}

}  // namespace

KadmosNetwork::KadmosNetwork(const Plan& plan) : plan_(plan) {
  const std::size_t apart = plan.health == Health::healthy ? 0 : plan.nodes / plan.one_in;
  if (apart > 0) {
    companion_.emplace([&](const Line& line) { live_apart(apart, plan_, line); });
  }
  const std::size_t here = plan.nodes - apart;
  {
    // What a process pays once, such as the tables of OpenSSL, is no node's.
    const auto a = make(loop_, plan.k, plan.connections);
    const auto b = make(loop_, plan.k, plan.connections);
    join(loop_, *b, a->contact().endpoints.front().text());
  }
  bytes_before_ = resident_bytes();
  nodes_.reserve(here);
  while (nodes_.size() < here) {
    const bool user = nodes_.size() < plan.users;
    nodes_.push_back(make(loop_, plan.k, user ? 1 << 16 : plan.connections));
  }
  created_bytes_ = bytes();

  const std::string entry = nodes_.front()->contact().endpoints.front().text();
  const auto begin = steady_clock::now();
  for (std::size_t i = 1; i < here; ++i) {
    if (companion_ && i == here / 2) {
      companion_->line().say(entry);
      std::thread waiting([&] {
        companion_->line().hear();
        loop_.stop();
      });
      loop_.run();
      waiting.join();
    }
    const auto before = steady_clock::now();
    join(loop_, *nodes_[i], entry);
    last_join_ms_ = milliseconds(steady_clock::now() - before);
  }
  join_seconds_ = std::chrono::duration<double>(steady_clock::now() - begin).count();
  rest(std::chrono::milliseconds(300));  // what the joins have set off, such as dial-backs
  joined_bytes_ = bytes();
  connections_ = connections();
}

KadmosNetwork::~KadmosNetwork() = default;

void KadmosNetwork::rest(Duration time) {
  const auto over = loop_.after(time, [&] { loop_.stop(); });
  loop_.run();
}

void KadmosNetwork::warm_up() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      check(loop_.run_until(nodes_[i]->find_node(nodes_[j]->id())).ok());
    }
  }
}

void KadmosNetwork::connect() {
  for (std::size_t i = 0; i < users(); ++i) {
    for (std::size_t j = 0; j < nodes_.size(); ++j) {
      if (j == i || (j > i && j < users())) continue;
      const Contact other = nodes_[j]->contact();
      check(loop_.run_until(nodes_[i]->ping({other.endpoints.front(), other.key})).ok());
    }
  }
  rest(std::chrono::milliseconds(300));
}

double KadmosNetwork::connections() const {
  double out = 0;
  for (const auto& node : nodes_) out += static_cast<double>(node->stats().connections);
  return out / static_cast<double>(nodes_.size());
}

double KadmosNetwork::bytes() const {
  return (static_cast<double>(resident_bytes()) - static_cast<double>(bytes_before_)) /
         static_cast<double>(nodes_.size());
}

std::size_t KadmosNetwork::held(Verb verb, std::size_t bytes) const {
  std::size_t out = 0;
  for (std::size_t item = 0; item < kItems; ++item) {
    if (!holders(verb, item, bytes).empty()) ++out;
  }
  return out;
}

std::vector<PublicKey> KadmosNetwork::holders(Verb verb, std::size_t item,
                                              std::size_t bytes) const {
  const Key key = key_of_item(verb, item, bytes);
  std::vector<PublicKey> out;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (i == item % users()) continue;
    if (nodes_[i]->held(key).value()) out.push_back(nodes_[i]->public_key());
  }
  return out;
}

bool KadmosNetwork::is_denied(const Error& error, Verb verb, std::size_t item,
                              std::size_t bytes) const {
  if (error.code != Errc::not_found) return false;
  return std::ranges::any_of(holders(verb, item, bytes), [&](const PublicKey& holder) {
    return std::ranges::none_of(error.asked, [&](const Asked& one) {
      return one.peer.key == holder && one.outcome == Outcome::absent;  // it had none then
    });
  });
}

std::unique_ptr<Node> KadmosNetwork::newcomer() {
  auto out = make(loop_, plan_.k, plan_.connections);
  out->add_bootstrap({nodes_.front()->contact().endpoints.front(), {}});
  return out;
}

void KadmosNetwork::spoil() {
  if (plan_.health == Health::silent) companion_->freeze();
  if (plan_.health == Health::refused) companion_->kill();
}

void KadmosNetwork::start(Verb verb, std::size_t user, std::size_t item, std::size_t bytes,
                          std::function<void(bool)> done) {
  Node& node = *nodes_[user];
  switch (verb) {
    case Verb::put:
      node.put(view_of(value_of(item, bytes)))
          .then([done](const Result<Receipt>& receipt) { done(receipt.ok()); })
          .detach();
      return;
    case Verb::set:
      node.set(name_of_item(item, bytes), view_of(value_of(item, bytes)))
          .then([done](const Result<Receipt>& receipt) { done(receipt.ok()); })
          .detach();
      return;
    case Verb::get:
    case Verb::latest:
      node.get(key_of_item(verb, item, bytes))
          .then([=, this](const Result<Found>& found) {
            if (!found && is_denied(found.error(), verb, item, bytes)) ++denied_;
            done(found.ok() && found->record.value.size() == bytes);
          })
          .detach();
      return;
    case Verb::find:
      node.find_node(prng_.id())
          .then([done](const Result<Closest>& closest) { done(closest.ok()); })
          .detach();
      return;
  }
}

std::string KadmosNetwork::name_of_item(std::size_t item, std::size_t bytes) {
  return fmt::format("{} {}", item, bytes);
}

Key KadmosNetwork::key_of_item(Verb verb, std::size_t item, std::size_t bytes) const {
  const std::string name = name_of_item(item, bytes);
  const auto [at, added] = keys_.try_emplace((verb == Verb::get ? "get " : "latest ") + name);
  if (added && verb == Verb::get) at->second = content_key(view_of(value_of(item, bytes)));
  if (added && verb == Verb::latest) {
    at->second = owned_key(nodes_[item % users()]->public_key(), view_of(name));
  }
  return at->second;
}

Traffic KadmosNetwork::traffic() {
  Traffic out;
  for (const auto& node : nodes_) {
    const Stats stats = node->stats();
    out.messages += stats.requests_sent + stats.requests_served;
    out.bytes += stats.bytes_sent;
  }
  return out;
}

Json KadmosNetwork::birth() const {
  return {{"nodes", nodes_.size()},      {"bytes_unconnected", created_bytes_},
          {"bytes_idle", joined_bytes_}, {"connections", connections_},
          {"join_all_s", join_seconds_}, {"last_join_ms", last_join_ms_}};
}

}  // namespace kadmos::bench
