#include "cli/dht-node/daemon.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "cli/common/data_dir.h"
#include "cli/common/execute.h"
#include "cli/common/exit_code.h"
#include "cli/common/files.h"
#include "cli/common/json.h"
#include "cli/common/text.h"
#include "cli/dht-node/bootstrap_names.h"
#include "kadmos/kadmos.h"
#include "uv/control.h"

namespace kadmos::cli {
namespace {

using std::chrono::milliseconds;

// How long requests of the control socket and handing over may still take once the daemon was told
// to end, and how long answers may take to be read.
constexpr Duration kDrain = milliseconds(1800);
constexpr Duration kHandOver = kDrain - milliseconds(100);
constexpr Duration kFlush = milliseconds(50);
// How often it is asked whether the peers file is to be written. A node that is killed knows
// nothing of who came to another address within this time before; if all its peers did, and it was
// given no way in, it finds nobody when it starts again.
constexpr Duration kSnapshotPeriod = std::chrono::seconds(1);
// While nobody comes or goes the peers file says every so often that they are still there. A node
// that dies counts them for as much less than a day when it starts again.
constexpr auto kSnapshotAge = std::chrono::hours(1);

Error with_context(const std::string& what, const Error& cause) {
  return Error(cause.code, what + ": " + cause.detail);
}

class Daemon {
 public:
  Daemon(const NodeOptions& options, const Log& log) : options_(options), log_(log) {}

  Result<void> start();
  // The exit code.
  int run() {
    loop_.run();
    return exit_code_;
  }

 private:
  // A request of the control socket, dropped with the connection it came from. One that goes on by
  // itself is not waited for at the end.
  struct Work {
    Work(Daemon& owner, bool finite) : daemon(owner), counts(finite ? 1 : 0) {
      daemon.working_ += counts;
    }
    ~Work() { daemon.ended(counts); }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    Daemon& daemon;
    int counts;
    std::optional<Future<void>> future;
  };

  Result<Identity> identity();
  Result<std::unique_ptr<Storage>> storage();
  Result<void> start_node();
  void load_snapshot();
  void announce() const;
  void enter();
  void snapshot();
  std::shared_ptr<void> handle(ByteView frame, const ControlServer::Reply& reply);
  void ended(int works);
  void on_signal(int signal);
  void on_broken_storage(const Error& error);
  void finish_after(Duration delay);
  void finish();

  const NodeOptions& options_;
  const Log& log_;
  UvLoop loop_;
  Fd lock_;
  std::string listen_ = "none";  // as it is, with the port that was free
  std::unique_ptr<Node> node_;
  std::optional<Service> service_;
  std::optional<BootstrapNames> names_;
  std::optional<Future<void>> joining_;
  std::optional<Future<void>> handing_over_;
  std::vector<Acquaintance> saved_;
  bool new_identity_ = false;
  bool secret_locked_ = false;
  bool draining_ = false;
  bool finished_ = false;
  int exit_code_ = kOk;
  int working_ = 0;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<UvLoop::Handle> snapshot_timer_;
  std::unique_ptr<UvLoop::Handle> end_timer_;
  std::vector<std::unique_ptr<UvLoop::Handle>> signals_;
};

Result<Identity> Daemon::identity() {
  const std::string path = key_path(options_.data_dir);
  auto loaded = load_identity(path);
  if (loaded || loaded.error().code != Errc::not_found) return loaded;
  new_identity_ = true;
  return create_identity(path);
}

Result<std::unique_ptr<Storage>> Daemon::storage() {
  if (!options_.on_disk) return make_memory_storage();
  return make_lmdb_storage(
      loop_, records_path(options_.data_dir), options_.config,
      [this](const Error& error) { on_broken_storage(error); },
      [this](std::string_view what) { log_.warning("records_mended", what); });
}

Result<void> Daemon::start_node() {
  auto who = identity();
  if (!who) return std::move(who).error();
  secret_locked_ = who->locked();
  auto records = storage();
  if (!records) return std::move(records).error();
  Config config = options_.config;
  config.expect_network = !options_.bootstrap.empty();
  for (const BootstrapName& name : options_.bootstrap) {
    if (const auto numeric = name.numeric()) config.bootstrap.push_back(*numeric);
  }
  TransportOptions transport_options;
  transport_options.listen = options_.listen;
  Seams seams;
  seams.clock = make_clock(loop_);
  seams.random = make_random();
  seams.transport = make_tls_transport(loop_, *who, config, transport_options);
  seams.storage = *std::move(records);
  const Transport& transport = *seams.transport;
  auto node = Node::create(*std::move(who), std::move(config), std::move(seams));
  if (!node) {
    if (node.error().code == Errc::invalid_argument) return node.error();
    const std::string where = options_.listen ? options_.listen->text() : "no address";
    const bool taken = node.error().code == Errc::address_in_use;
    return with_context(
        fmt::format("cannot listen on {}{}", where,
                    taken ? " (another program does; choose another with --listen)" : ""),
        node.error());
  }
  node_ = *std::move(node);
  if (const Endpoints listening = transport.listening(); !listening.empty()) {
    listen_ = listening.front().text();
  }
  node_->on_notice([this](const Notice& notice) {
    constexpr Log::Level kLevels[] = {Log::Level::debug, Log::Level::info, Log::Level::warning};
    log_.write(kLevels[static_cast<std::size_t>(notice.level)], notice.what, notice.detail);
  });
  return {};
}

Result<void> Daemon::start() {
  if (auto made = make_directory(options_.data_dir); !made) return made;
  auto lock = lock_file(lock_path(options_.data_dir));
  if (!lock) {
    if (lock.error().code != Errc::busy) return std::move(lock).error();
    return Error(Errc::busy,
                 fmt::format("the data directory {} is in use by another dht-node; give "
                             "each its own --data-dir",
                             options_.data_dir));
  }
  lock_ = *std::move(lock);
  if (auto started = start_node(); !started) return started;
  service_.emplace(Service{*node_, nullptr, {}});
  service_->facts = {{"listen", listen_},
                     {"control", options_.control},
                     {"data_dir", options_.data_dir},
                     {"storage", options_.on_disk ? "lmdb" : "memory"},
                     {"storage_limit", options_.config.limits.record_bytes},
                     {"pid", ::getpid()}};
  auto control = ControlServer::listen(
      loop_, options_.control,
      [this](ByteView frame, const ControlServer::Reply& reply) { return handle(frame, reply); });
  if (!control) {
    return with_context("cannot open the control socket " + options_.control, control.error());
  }
  control_ = *std::move(control);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    // nohup means what it says.
    struct sigaction present {};
    if (::sigaction(signal, nullptr, &present) == 0 && present.sa_handler == SIG_IGN) continue;
    signals_.push_back(loop_.on_signal(signal, [this, signal] { on_signal(signal); }));
  }
  announce();
  load_snapshot();
  enter();
  names_.emplace(
      loop_, log_,
      [this](const Bootstrap& found) {
        node_->add_bootstrap(found);
        enter();
      },
      [this] { return node_->contacts().empty(); });
  for (const BootstrapName& name : options_.bootstrap) {
    if (!name.numeric()) names_->add(name);
  }
  snapshot();
  return {};
}

void Daemon::announce() const {
  fmt::print("ready id={} listen={} control={}\n", node_->id().hex(), listen_,
             printable(options_.control));
  std::fflush(stdout);
  log_.write(Log::Level::info, "started", fmt::format("dht-node listens on {}", listen_),
             {{"key", node_->public_key().hex()},
              {"network", options_.config.network},
              {"data_dir", options_.data_dir},
              {"control", options_.control}});
  if (new_identity_) {
    log_.info("identity_created",
              key_path(options_.data_dir) + " holds a new identity; there was none");
  }
  if (!secret_locked_) {
    log_.warning("secret_unlocked",
                 "the secret key may be written to swap, since this process may lock no memory: "
                 "raise its limit (ulimit -l, LimitMEMLOCK=)");
  }
}

void Daemon::load_snapshot() {
  auto peers = load_peers(peers_path(options_.data_dir));
  if (!peers) {
    if (peers.error().code != Errc::not_found) log_.warning("no_snapshot", peers.error().detail);
    return;
  }
  if (!peers->damage.empty()) log_.warning("peers_damaged", peers->damage);
  node_->add_acquaintances(peers->peers);
}

// Joins unless that is under way or the node knows somebody already.
void Daemon::enter() {
  if ((joining_ && !joining_->ready()) || !node_->contacts().empty()) return;
  // The node itself notes how it went, and goes on trying if it has to.
  joining_ = node_->join().then([this](Result<Closest> joined) {
    if (joined) snapshot();
  });
}

// Keeps whom the node knows, if that changed or at the end.
void Daemon::snapshot() {
  std::vector<Acquaintance> known = node_->acquaintances();
  const bool as_saved =
      std::ranges::equal(known, saved_, [](const Acquaintance& now, const Acquaintance& then) {
        return now.contact == then.contact && now.proved - then.proved < kSnapshotAge;
      });
  if (!known.empty() && (!as_saved || finished_)) {
    if (auto saved = save_peers(peers_path(options_.data_dir), known); !saved) {
      log_.warning("no_snapshot", saved.error().detail);
    }
    saved_ = std::move(known);
  }
  if (!draining_) snapshot_timer_ = loop_.after(kSnapshotPeriod, [this] { snapshot(); });
}

std::shared_ptr<void> Daemon::handle(ByteView frame, const ControlServer::Reply& reply) {
  const auto request = parse_cbor(frame);
  if (!request || draining_) {
    reply(
        to_cbor(json_of(request ? Error(Errc::closed, "the daemon is ending") : request.error())));
    return nullptr;
  }
  auto work = std::make_shared<Work>(*this, !goes_on(*request));
  const auto emit = [reply](const Json& answer) { return reply.more(to_cbor(answer)); };
  work->future = execute(*service_, *request, emit).then([reply](Result<Json> answer) {
    reply(to_cbor(answer ? *answer : json_of(answer.error())));
  });
  return work;
}

void Daemon::on_signal(int signal) {
  if (draining_) {
    log_.warning("forced", "told a second time: ending at once");
    ::_exit(128 + signal);
  }
  draining_ = true;
  log_.write(Log::Level::info, "ending", "told to end; finishing what is under way",
             {{"requests", working_}});
  finish_after(kDrain);
  ++working_;
  handing_over_ = node_->hand_over(kHandOver).then([this](const Result<HandedOver>& handed) {
    if (handed && handed->neighbours > 0) {
      const bool all = handed->complete == handed->neighbours;
      log_.write(all ? Log::Level::info : Log::Level::warning, "handed_over",
                 all ? "gave others what they will hold"
                     : "there was no time to give all others what they will hold",
                 {{"neighbours", handed->neighbours}, {"complete", handed->complete}});
    }
    ended(1);
  });
}

// Of what is waited for at the end.
void Daemon::ended(int works) {
  working_ -= works;
  if (works > 0 && working_ == 0 && draining_ && !finished_) finish_after(kFlush);
}

// A replica that cannot keep what it is given should not be asked: others take its place at once
// when it is gone.
void Daemon::on_broken_storage(const Error& error) {
  log_.write(Log::Level::error, "storage_failed",
             error.detail + "; ending, since nothing can be kept any more");
  exit_code_ = kStorage;
  if (!draining_) {
    draining_ = true;
    finish_after(kFlush);
  }
}

void Daemon::finish_after(Duration delay) {
  end_timer_ = loop_.after(delay, [this] { finish(); });
}

void Daemon::finish() {
  finished_ = true;
  snapshot();
  control_.reset();
  node_->close();
  log_.info("ended", exit_code_ == kOk ? "in order" : "without its storage");
  loop_.stop();
}

// What is said when a page of the file of records cannot be read, because the file was cut short or
// the disk fails: that ends a process that has the file mapped, and here at least not in silence.
std::string lost_pages;

extern "C" void on_lost_page(int) {
  [[maybe_unused]] const auto told = ::write(STDERR_FILENO, lost_pages.data(), lost_pages.size());
  ::_exit(kStorage);
}

void tell_of_lost_pages(const NodeOptions& options) {
  const std::string what = fmt::format(
      "a page of {} cannot be read any more: the file was cut short, or its disk fails; ending; "
      "'dht-node --check' tells what is left in it, and 'dht-node --salvage' rescues that",
      printable(records_path(options.data_dir)));
  lost_pages =
      options.log_json
          ? dump({{"level", "error"}, {"event", "storage_failed"}, {"detail", what}}) + "\n"
          : fmt::format("dht-node: {}\n", what);
  struct sigaction action {};
  action.sa_handler = on_lost_page;
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace

int run_daemon(const NodeOptions& options, const Log& log) {
  // A reader of stdout or stderr that goes away is no reason to end.
  std::signal(SIGPIPE, SIG_IGN);
  // A file that may not grow any more (ulimit -f) is as a full disk, which whoever writes notices.
  std::signal(SIGXFSZ, SIG_IGN);
  if (options.on_disk) tell_of_lost_pages(options);
  Daemon daemon(options, log);
  if (auto started = daemon.start(); !started) {
    const std::string line = printable(started.error().detail);
    if (options.log_json) {
      log.write(Log::Level::error, "not_started", line);
    } else {
      fmt::print(stderr, "dht-node: {}\n", line);
    }
    return started.error().code == Errc::invalid_argument ? kUsage : kError;
  }
  return daemon.run();
}

}  // namespace kadmos::cli
