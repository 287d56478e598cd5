// stores_bench [RECORDS [PEERS]]: how many stores a second one daemon takes over loopback from so
// many peers, each acknowledged after its commit to disk: content of 200 bytes, then owned records,
// whose signatures it has to check; beside what checking alone costs on this machine. Prints,
// asserts nothing.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/prng.h"
#include "cli/common/process.h"
#include "kadmos/kadmos.h"
#include "tests/e2e/support.h"
#include "wire/codec.h"

namespace kadmos::bench {
namespace {

using std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::size_t kWindow = 200;  // stores of one peer under way
constexpr std::size_t kOwners = 16;

// Runs the loop until something that its listeners change is so.
class Until {
 public:
  explicit Until(UvLoop& loop) : loop_(loop) {}
  void run(std::function<bool()> condition) {
    condition_ = std::move(condition);
    if (!condition_()) loop_.run();
    condition_ = nullptr;
  }
  void changed() {
    if (condition_ && condition_()) loop_.stop();
  }

 private:
  UvLoop& loop_;
  std::function<bool()> condition_;
};

// A peer without a node: sends the frames it is given, so many at a time, and counts the answers.
class Peer final : public TransportListener {
 public:
  Peer(UvLoop& loop, Until& until, const Bootstrap& where) : until_(until) {
    Config config;
    config.client = true;
    transport_ = make_tls_transport(loop, Identity::from_seed(random_seed()), config, {});
    check(transport_->start(*this).ok());
    transport_->probe(where);
    until_.run([&] { return reached_; });
  }
  void give(std::vector<Bytes> frames) {
    frames_ = std::move(frames);
    sent_ = done_ = 0;
    send();
  }
  bool done() const { return done_ == frames_.size(); }

  void on_frame(const kadmos::Peer&, ByteView frame) override {
    const auto reply = wire::decode(frame, Limits{}).value();
    const auto* stored = std::get_if<wire::Stored>(&reply.body);
    check(stored != nullptr && stored->status == wire::StoreStatus::durable);
    ++done_;
    send();
    until_.changed();
  }
  void on_reached(const Bootstrap&, const kadmos::Peer& peer) override {
    daemon_ = peer.contact;
    reached_ = true;
    until_.changed();
  }
  void on_probe_failed(const Bootstrap&, Unreachable) override { check(false); }
  void on_unreachable(const PublicKey&, Unreachable) override { check(false); }

 private:
  void send() {
    while (sent_ < frames_.size() && sent_ - done_ < kWindow) {
      transport_->send(daemon_, frames_[sent_++]);
    }
  }

  Until& until_;
  std::unique_ptr<Transport> transport_;
  Contact daemon_;
  bool reached_ = false;
  std::vector<Bytes> frames_;
  std::size_t sent_ = 0;
  std::size_t done_ = 0;
};

Record record_of(Prng& prng, const Identity* owner) {
  Record out;
  out.value = Bytes(200);
  for (Byte& byte : out.value) byte = static_cast<Byte>(prng.next());
  out.expiry = UvLoop::wall_now() + std::chrono::hours(24);
  if (owner == nullptr) return out;
  out.type = RecordType::owned;
  out.name = to_bytes(std::to_string(prng.next()));
  out.sequence = 1;
  sign(out, *owner, Config{}.network);
  return out;
}

double stores_per_second(Until& until, std::vector<std::unique_ptr<Peer>>& peers,
                         const std::vector<Record>& records) {
  std::vector<std::vector<Bytes>> frames(peers.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    frames[i % peers.size()].push_back(wire::encode(wire::Message{i, wire::Store{records[i]}}));
  }
  const auto begin = steady_clock::now();
  for (std::size_t i = 0; i < peers.size(); ++i) peers[i]->give(std::move(frames[i]));
  until.run(
      [&] { return std::ranges::all_of(peers, [](const auto& one) { return one->done(); }); });
  return static_cast<double>(records.size()) / Seconds(steady_clock::now() - begin).count();
}

double checks_per_second(const std::vector<Record>& records) {
  const std::size_t count = std::min<std::size_t>(records.size(), 5000);
  std::vector<Key> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back(key_of(records[i]));
  const auto begin = steady_clock::now();
  for (std::size_t i = 0; i < count; ++i) {
    check(verify(records[i], keys[i], Config{}.network).ok());
  }
  return static_cast<double>(count) / Seconds(steady_clock::now() - begin).count();
}

int run(std::size_t count, std::size_t peer_count) {
  const e2e::TempDir dir;
  cli::SpawnOptions options;
  options.stderr_file = dir / "log";
  cli::Process daemon({DHT_NODE, "--listen", "127.0.0.1:0", "--data-dir", dir / "node"}, options);
  const std::string ready = daemon.line(e2e::kPatience).value_or("");
  const auto at = ready.find(" listen=") + 8;
  const auto where = Endpoint::parse(ready.substr(at, ready.find(' ', at) - at));
  check(where.has_value());

  UvLoop loop;
  Until until(loop);
  std::vector<std::unique_ptr<Peer>> peers;
  while (peers.size() < peer_count) {
    peers.push_back(std::make_unique<Peer>(loop, until, Bootstrap{*where, {}}));
  }
  Prng prng(1);
  std::vector<Identity> owners;
  for (std::size_t i = 0; i < kOwners; ++i) owners.push_back(Identity::from_seed(random_seed()));
  std::vector<Record> content;
  std::vector<Record> owned;
  for (std::size_t i = 0; i < count; ++i) {
    content.push_back(record_of(prng, nullptr));
    owned.push_back(record_of(prng, &owners[i % kOwners]));
  }
  fmt::print("{} records from {} peers\n", count, peer_count);
  fmt::print("content: {:.0f} stores/s\n", stores_per_second(until, peers, content));
  const double checks = checks_per_second(owned);
  const double stores = stores_per_second(until, peers, owned);
  fmt::print("owned:   {:.0f} stores/s, {:.2f} of the {:.0f} signatures/s that one thread checks\n",
             stores, stores / checks, checks);
  return 0;
}

}  // namespace
}  // namespace kadmos::bench

int main(int argc, char** argv) {
  const auto number = [&](int i, std::size_t otherwise) {
    return argc > i ? static_cast<std::size_t>(std::atol(argv[i])) : otherwise;
  };
  return kadmos::bench::run(number(1, 50'000), number(2, 4));
}
