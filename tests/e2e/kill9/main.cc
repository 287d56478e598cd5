// kill9 [ROUNDS [SEED]]: a real daemon under write load, killed with SIGKILL at a random moment and
// started again on the same directory, so many times. Writers store through the library over the
// daemon's real port, new content and new versions of names, and remember what was acknowledged as
// durable. After each kill the file itself is opened, and after each start the daemon is asked:
// every acknowledged record must be there, verify, and be no older. Exits 1 if one is not, or if
// the daemon ends in any other way.
//
// In most rounds the moment is counted from the first store that was acknowledged, so that there
// are such however slow the machine is. The moments, what is written and what is read follow the
// seed; how far the daemon came by then does not.
#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "cli/common/process.h"
#include "kadmos/kadmos.h"
#include "lmdb/database.h"
#include "tests/e2e/support.h"

namespace kadmos::e2e {
namespace {

using cli::Process;
using cli::SpawnOptions;
using std::chrono::steady_clock;

constexpr int kWriters = 3;
constexpr std::size_t kInFlight = 16;        // sets of one writer
constexpr std::uint64_t kNames = 200;        // of one writer, written again and again
constexpr std::int64_t kLongestUs = 60'000;  // until the kill
constexpr std::uint64_t kOlder = 100;        // records of earlier rounds looked at in each
constexpr std::size_t kAsked = 20;           // records the daemon is asked for in each round
constexpr std::chrono::milliseconds kTtl = std::chrono::hours(24);

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "kill9: {}\n", why);
  std::exit(1);
}

// What a writer was promised about a key: a version at least this new, with this value if it is
// just this one.
struct Promised {
  std::uint64_t sequence = 0;
  Bytes value;
};

class Ledger {
 public:
  void acknowledge(const Key& key, std::uint64_t sequence, Bytes value) {
    ++count_;
    if (once_acknowledged_) std::exchange(once_acknowledged_, {})();
    auto [it, added] = promised_.try_emplace(key);
    if (added) order_.push_back(key);
    if (!added && sequence < it->second.sequence) return;
    it->second = {sequence, std::move(value)};
    fresh_.insert(key);
  }
  void check(const Key& key, const std::optional<Record>& found) const {
    const Promised& promised = promised_.at(key);
    if (!found) fail(fmt::format("{} is missing", key.hex()));
    if (auto valid = verify(*found, key, Config().network); !valid) {
      fail(fmt::format("{} does not verify: {}", key.hex(), valid.error().text()));
    }
    if (found->sequence < promised.sequence) fail(fmt::format("{} is older", key.hex()));
    if (found->sequence == promised.sequence && found->value != promised.value) {
      fail(fmt::format("{} has another value", key.hex()));
    }
  }
  // The keys acknowledged since the last call, and some from before.
  std::vector<Key> to_check(Prng& prng) {
    std::vector<Key> out(fresh_.begin(), fresh_.end());
    for (std::uint64_t i = 0; i < kOlder && !order_.empty(); ++i) {
      out.push_back(order_[prng.below(order_.size())]);
    }
    fresh_.clear();
    return out;
  }
  const std::vector<Key>& all() const { return order_; }
  std::size_t count() const { return count_; }
  // Called at the next acknowledgement.
  void once_acknowledged(std::function<void()> fn) { once_acknowledged_ = std::move(fn); }

 private:
  std::map<Key, Promised> promised_;
  std::vector<Key> order_;
  std::set<Key> fresh_;
  std::size_t count_ = 0;
  std::function<void()> once_acknowledged_;
};

// A client that keeps kInFlight sets and puts under way.
class Writer {
 public:
  Writer(UvLoop& loop, int number, Prng& prng, Ledger& ledger, const Bootstrap& daemon)
      : number_(number), prng_(prng), ledger_(ledger) {
    Seed seed{};
    seed.fill(static_cast<Byte>(number + 1));
    Config config;
    config.client = true;
    config.bootstrap = {daemon};
    auto made = make_node(loop, Identity::from_seed(seed), std::move(config), {});
    if (!made) fail(made.error().text());
    node_ = *std::move(made);
    joining_ = node_->join().then([this](Result<Closest> joined) {
      if (!joined) return;  // killed already
      for (std::size_t i = 0; i < kInFlight; ++i) write(i);
    });
  }

 private:
  struct Slot {
    Bytes value;
    std::optional<Future<void>> future;
  };

  void write(std::size_t i) {
    Slot& slot = slots_[i];
    slot.value = Bytes(prng_.below(prng_.chance(50'000) ? 20'000 : 400));
    for (Byte& byte : slot.value) byte = static_cast<Byte>(prng_.below(256));
    const std::string name = fmt::format("{}", i + kInFlight * prng_.below(kNames / kInFlight));
    auto stored = prng_.chance(500'000)
                      ? node_->put(slot.value, {.ttl = kTtl, .timeout = {}})
                      : node_->set(name, slot.value, {.ttl = kTtl, .timeout = {}});
    slot.future = std::move(stored).then([this, i](Result<Receipt> receipt) {
      if (!receipt) return;  // killed, or on its way to it
      if (receipt->durable != 1) fail("a receipt without a durable replica");
      ledger_.acknowledge(receipt->key, receipt->sequence, std::move(slots_[i].value));
      write(i);
    });
  }

  int number_;
  Prng& prng_;
  Ledger& ledger_;
  std::array<Slot, kInFlight> slots_;
  std::unique_ptr<Node> node_;
  std::optional<Future<void>> joining_;
};

class Rounds {
 public:
  explicit Rounds(std::uint64_t seed) : prng_(seed) {}

  void run(std::uint64_t rounds) {
    const auto begin = steady_clock::now();
    for (std::uint64_t round = 1; round <= rounds; ++round) {
      one();
      if (round % 100 == 0 || round == rounds) {
        check_file(ledger_.all());
        fmt::print("{} rounds, {} acknowledged, {} records, {:.1f} s\n", round, ledger_.count(),
                   ledger_.all().size(),
                   std::chrono::duration<double>(steady_clock::now() - begin).count());
        std::fflush(stdout);
      }
    }
    if (ledger_.count() == 0) fail("nothing was ever acknowledged");
    fmt::print(
        "{} of {} kills came before the daemon was ready; while it was written to, {:.0f} "
        "stores/s were acknowledged\n",
        early_, rounds, static_cast<double>(ledger_.count()) / writing_.count());
  }

 private:
  void one() {
    Process daemon = start();
    if (prng_.chance(100'000)) {  // while it starts
      daemon.line(std::chrono::milliseconds(prng_.below(20)));
      ++early_;
    } else {
      const Bootstrap where = ready(daemon);
      ask(where);
      UvLoop loop;
      std::vector<std::unique_ptr<Writer>> writers;
      for (int i = 0; i < kWriters; ++i) {
        writers.push_back(std::make_unique<Writer>(loop, i, prng_, ledger_, where));
      }
      const auto begin = steady_clock::now();
      const std::chrono::microseconds pause(prng_.between(0, kLongestUs));
      std::unique_ptr<UvLoop::Handle> moment;
      const auto wait_and_kill = [&] {
        moment = loop.after(pause, [&] {
          daemon.signal(SIGKILL);
          loop.stop();
        });
      };
      if (prng_.chance(250'000)) {
        wait_and_kill();  // perhaps while the writers join
      } else {
        ledger_.once_acknowledged(wait_and_kill);
      }
      const auto patience = loop.after(kPatience, [] { fail("nothing is acknowledged"); });
      loop.run();
      ledger_.once_acknowledged({});
      writing_ += steady_clock::now() - begin;
    }
    daemon.signal(SIGKILL);
    const auto code = daemon.wait(kPatience);
    if (!code) fail("the daemon does not die");
    if (*code != 128 + SIGKILL) {
      fail(fmt::format("the daemon ended by itself with {}: {}", *code, read(dir_ / "log")));
    }
    fresh_ = ledger_.to_check(prng_);
    if (std::filesystem::exists(file_)) check_file(fresh_);
  }

  Process start() const {
    SpawnOptions options;
    options.stderr_file = dir_ / "log";
    return Process({DHT_NODE, "--listen", "127.0.0.1:0", "--data-dir", dir_ / "node", "--log-level",
                    "warning"},
                   options);
  }

  Bootstrap ready(Process& daemon) const {
    const std::string line = daemon.line(kPatience).value_or("");
    const std::size_t at = line.find("listen=");
    if (at == std::string::npos) fail("the daemon did not start: " + read(dir_ / "log"));
    const auto endpoint = Endpoint::parse(line.substr(at + 7, line.find(' ', at) - at - 7));
    if (!endpoint) fail("no endpoint: " + line);
    return {*endpoint, std::nullopt};
  }

  // What the last round stored, over the wire.
  void ask(const Bootstrap& where) {
    UvLoop loop;
    Config config;
    config.client = true;
    config.bootstrap = {where};
    const auto node = make_node(loop, Identity::from_seed(random_seed()), config, {}).value();
    if (auto joined = loop.run_until(node->join()); !joined) fail(joined.error().text());
    for (std::size_t i = 0; i < std::min(kAsked, fresh_.size()); ++i) {
      auto found = loop.run_until(node->get(fresh_[i]));
      if (!found) fail(fmt::format("{}: {}", fresh_[i].hex(), found.error().text()));
      ledger_.check(fresh_[i], found->record);
    }
  }

  void check_file(const std::vector<Key>& keys) const {
    const auto file = Database::open(file_, Config().network, 1);
    if (!file) fail(file.error().text());
    if (auto index = (*file)->standings(); !index) fail(index.error().text());
    if (const std::string& mended = (*file)->mended(); !mended.empty()) fail(mended);
    for (const Key& key : keys) {
      const auto found = (*file)->find(key);
      if (!found) fail(found.error().text());
      ledger_.check(key, *found ? std::optional((*found)->record) : std::nullopt);
    }
  }

  TempDir dir_;
  std::string file_ = dir_ / "node/records.mdb";
  Prng prng_;
  Ledger ledger_;
  std::vector<Key> fresh_;
  std::uint64_t early_ = 0;
  std::chrono::duration<double> writing_{};
};

}  // namespace
}  // namespace kadmos::e2e

int main(int argc, char** argv) {
  using namespace kadmos::e2e;
  std::signal(SIGPIPE, SIG_IGN);
  const std::uint64_t rounds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  fmt::print("seed {}\n", seed);
  Rounds(seed).run(rounds);
}
