#include "tests/bench/peers/libtorrent_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <libtorrent/alert_types.hpp>
#include <libtorrent/bencode.hpp>
#include <libtorrent/session_params.hpp>
#include <libtorrent/session_stats.hpp>
#include <sstream>

#include "base/check.h"

namespace kadmos::bench {
namespace {

constexpr std::size_t kPublicKeyBytes = 32;
constexpr int kSocketBuffer = 4 << 20;  // of which the system may grant less
constexpr int kEnough = 100'000'000;    // libtorrent multiplies some limits by 10, as int

lt::settings_pack settings(int host) {
  using lt::settings_pack;
  settings_pack out;
  // A host of its own for each node, since much in libtorrent distrusts two nodes of one address.
  out.set_str(settings_pack::listen_interfaces,
              fmt::format("127.0.{}.{}:0", host / 250, host % 250 + 1));
  out.set_str(settings_pack::dht_bootstrap_nodes, "");
  out.set_int(settings_pack::alert_mask, lt::alert_category::dht | lt::alert_category::status |
                                             lt::alert_category::stats | lt::alert_category::error);
  out.set_int(settings_pack::alert_queue_size, 1 << 20);
  out.set_bool(settings_pack::enable_dht, true);
  for (const int off :
       {settings_pack::enable_lsd, settings_pack::enable_upnp, settings_pack::enable_natpmp,
        settings_pack::enable_ip_notifier, settings_pack::enable_outgoing_tcp,
        settings_pack::enable_incoming_tcp, settings_pack::enable_outgoing_utp,
        settings_pack::enable_incoming_utp, settings_pack::dht_restrict_routing_ips,
        settings_pack::dht_restrict_search_ips, settings_pack::dht_prefer_verified_node_ids,
        settings_pack::dht_enforce_node_id, settings_pack::dht_ignore_dark_internet,
        settings_pack::dht_privacy_lookups}) {
    out.set_bool(off, false);
  }
  out.set_int(settings_pack::recv_socket_buffer_size, kSocketBuffer);
  out.set_int(settings_pack::send_socket_buffer_size, kSocketBuffer);
  out.set_int(settings_pack::dht_upload_rate_limit, kEnough);
  out.set_int(settings_pack::dht_block_ratelimit, kEnough);
  out.set_int(settings_pack::dht_max_dht_items, kEnough);
  return out;
}

// What BEP 44 has signed.
std::string to_sign(const std::string& salt, std::int64_t sequence, const std::string& value) {
  return fmt::format("4:salt{}:{}3:seqi{}e1:v{}", salt.size(), salt, sequence, value);
}

std::string name_of_item(std::size_t item) { return fmt::format("name {}", item); }

template <class T>
std::array<char, kPublicKeyBytes> chars(const T& bytes) {
  std::array<char, kPublicKeyBytes> out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

std::string get_of(const lt::sha1_hash& key) { return "get " + key.to_string(); }
std::string put_of(const lt::sha1_hash& key) { return "put " + key.to_string(); }

}  // namespace

LibtorrentNetwork::LibtorrentNetwork(std::size_t nodes, Health health)
    : health_(health), owner_(Identity::from_seed({})) {
  const std::size_t apart = health == Health::healthy ? 0 : nodes / 8;
  if (apart > 0) {
    companion_.emplace([&](const Line& line) { live_apart(apart, line); });
  }
  add_nodes(nodes - apart, 0);
  std::vector<std::string> endpoints;
  for (const auto& node : nodes_) endpoints.push_back(node->endpoint);
  if (companion_) {
    companion_->line().say(fmt::format("{}", fmt::join(endpoints, ",")));
    std::istringstream theirs(companion_->line().hear());
    for (std::string one; std::getline(theirs, one, ',');) endpoints.push_back(one);
  }
  meet(endpoints);
}

LibtorrentNetwork::~LibtorrentNetwork() {
  std::vector<lt::session_proxy> ending;
  for (auto& node : nodes_) {
    node->session->set_alert_notify({});
    ending.push_back(node->session->abort());
    node->session.reset();
  }
  loop_.restart();
  loop_.run();
}

void LibtorrentNetwork::live_apart(std::size_t nodes, const Line& line) {
  add_nodes(nodes, 200);
  std::vector<std::string> endpoints;
  for (const auto& node : nodes_) endpoints.push_back(node->endpoint);
  std::istringstream theirs(line.hear());
  line.say(fmt::format("{}", fmt::join(endpoints, ",")));
  for (std::string one; std::getline(theirs, one, ',');) endpoints.push_back(one);
  meet(endpoints);
  run();
}

void LibtorrentNetwork::add_nodes(std::size_t count, int host) {
  for (std::size_t i = 0; i < count; ++i) {
    lt::session_params params(settings(host + static_cast<int>(i)));
    params.extensions.clear();
    auto& node = *nodes_.emplace_back(std::make_unique<Node>());
    node.session = std::make_unique<lt::session>(std::move(params), loop_, lt::session_flags_t{});
    node.session->set_alert_notify(
        [this, &node] { boost::asio::post(loop_, [this, &node] { take_alerts(node); }); });
  }
  while (std::ranges::any_of(nodes_, [](const auto& node) { return node->endpoint.empty(); })) {
    run_for(std::chrono::milliseconds(10));
  }
}

void LibtorrentNetwork::meet(const std::vector<std::string>& endpoints) {
  for (const auto& node : nodes_) {
    for (const std::string& endpoint : endpoints) {
      if (endpoint == node->endpoint) continue;
      const auto space = endpoint.find(' ');
      node->session->add_dht_node({endpoint.substr(0, space), std::stoi(endpoint.substr(space))});
    }
  }
  run_for(std::chrono::seconds(3));
}

void LibtorrentNetwork::run_for(std::chrono::milliseconds time) {
  loop_.restart();
  loop_.run_for(time);
}

void LibtorrentNetwork::run() {
  stopped_ = false;
  loop_.restart();
  while (!stopped_) loop_.run_one();
}

void LibtorrentNetwork::spoil() {
  if (health_ == Health::silent) companion_->freeze();
  if (health_ == Health::refused) companion_->kill();
}

void LibtorrentNetwork::start(Verb verb, std::size_t user, std::size_t item, std::size_t bytes,
                              std::function<void(bool)> done) {
  Node& node = *nodes_[user];
  const std::string name = name_of_item(item);
  switch (verb) {
    case Verb::put: {
      const lt::sha1_hash key = node.session->dht_put_item(lt::entry(value_of(item, bytes)));
      if (item < kItems) keys_[item] = key;
      node.waiting.emplace(put_of(key), std::move(done));
      return;
    }
    case Verb::get:
      node.waiting.emplace(get_of(keys_.at(item)), std::move(done));
      node.session->dht_get_item(keys_.at(item));
      return;
    case Verb::set:
      node.waiting.emplace("set " + name, std::move(done));
      node.session->dht_put_item(
          chars(owner_.public_key().bytes),
          [this, value = value_of(item, bytes)](lt::entry& entry, std::array<char, 64>& signature,
                                                std::int64_t& sequence, const std::string& salt) {
            entry = value;
            ++sequence;
            std::string encoded;
            lt::bencode(std::back_inserter(encoded), entry);
            const Signature made = owner_.sign(view_of(to_sign(salt, sequence, encoded)));
            std::copy(made.begin(), made.end(), signature.begin());
          },
          name);
      return;
    case Verb::latest:
      node.waiting.emplace("latest " + name, std::move(done));
      node.session->dht_get_item(chars(owner_.public_key().bytes), name);
      return;
    case Verb::find:
      check(false);
  }
}

void LibtorrentNetwork::take_alerts(Node& node) {
  std::vector<lt::alert*> alerts;
  node.session->pop_alerts(&alerts);
  for (const lt::alert* alert : alerts) take(node, *alert);
}

void LibtorrentNetwork::take(Node& node, const lt::alert& alert) {
  if (const auto* got = lt::alert_cast<lt::dht_immutable_item_alert>(&alert)) {
    end(node, get_of(got->target), got->item.type() == lt::entry::string_t);
  } else if (const auto* latest = lt::alert_cast<lt::dht_mutable_item_alert>(&alert)) {
    if (latest->authoritative) {
      end(node, "latest " + latest->salt, latest->item.type() == lt::entry::string_t);
    }
  } else if (const auto* put = lt::alert_cast<lt::dht_put_alert>(&alert)) {
    end(node, put->salt.empty() ? put_of(put->target) : "set " + put->salt, put->num_success > 0);
  } else if (const auto* listens = lt::alert_cast<lt::listen_succeeded_alert>(&alert)) {
    if (listens->socket_type == lt::socket_type_t::utp) {
      node.endpoint = fmt::format("{} {}", listens->address.to_string(), listens->port);
    }
  } else if (const auto* stats = lt::alert_cast<lt::session_stats_alert>(&alert)) {
    static const int kMessages = lt::find_metric_idx("dht.dht_messages_out");
    static const int kBytes = lt::find_metric_idx("dht.dht_bytes_out");
    const auto counters = stats->counters();
    node.traffic = Traffic{static_cast<std::uint64_t>(counters[kMessages]),
                           static_cast<std::uint64_t>(counters[kBytes])};
  } else if (lt::alert_cast<lt::listen_failed_alert>(&alert) != nullptr) {
    fmt::print(stderr, "libtorrent: {}\n", alert.message());
  }
}

void LibtorrentNetwork::end(Node& node, const std::string& what, bool ok) {
  const auto at = node.waiting.find(what);
  if (at == node.waiting.end()) return;
  const auto done = std::move(at->second);
  node.waiting.erase(at);
  done(ok);
}

Traffic LibtorrentNetwork::traffic() {
  for (auto& node : nodes_) {
    node->traffic.reset();
    node->session->post_session_stats();
  }
  while (!std::ranges::all_of(nodes_, [](const auto& node) { return node->traffic.has_value(); })) {
    run_for(std::chrono::milliseconds(1));
  }
  Traffic out;
  for (const auto& node : nodes_) {
    out.messages += node->traffic->messages;
    out.bytes += node->traffic->bytes;
  }
  return out;
}

}  // namespace kadmos::bench
