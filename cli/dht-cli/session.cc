#include "cli/dht-cli/session.h"

#include <fmt/core.h>

#include "cli/common/data_dir.h"
#include "cli/common/execute.h"
#include "cli/common/text.h"
#include "kadmos/kadmos.h"
#include "uv/control.h"

namespace kadmos::cli {
namespace {

// How much longer than its own deadline a request may take to be answered.
constexpr Duration kGrace = std::chrono::milliseconds(500);
constexpr Duration kAskPeriod = std::chrono::milliseconds(100);

using Take = std::function<bool(const Json&)>;

}  // namespace

struct Session::Impl {
  explicit Impl(const Globals& all) : globals(all), deadline(loop.now() + all.timeout) {}

  Duration left() const { return std::max(deadline - loop.now(), Duration(0)); }

  template <class T>
  Result<T> wait(Future<T> future, Duration limit, const char* what) {
    bool late = false;
    const auto timer = loop.after(limit, [&] {
      late = true;
      loop.stop();
    });
    auto result = loop.run_until(std::move(future));
    if (!late || result) return result;
    return Error(Errc::timeout, fmt::format("{} within {}", what, show(globals.timeout)));
  }

  Result<void> enter();
  Error explain(const Error& error) const;
  Service service() { return {*node, owner ? &*owner : nullptr, {{"listen", "none"}}}; }
  Result<Json> ask_daemon(const Json& request);
  Task<Json> follow_daemon(Bytes request, Take take);
  Result<Json> ask_node(const Json& request);

  const Globals& globals;
  UvLoop loop;
  TimePoint deadline;
  std::optional<Identity> owner;
  std::unique_ptr<Node> node;
  bool entered = false;
};

Session::Session(const Globals& globals)
    : globals_(globals), impl_(std::make_unique<Impl>(globals)) {}
Session::~Session() = default;

Json Session::call(Json request) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(impl_->left());
  request["timeout_ms"] = static_cast<std::uint64_t>(std::max<std::int64_t>(left.count(), 1));
  auto answer = globals_.bootstrap.empty() ? impl_->ask_daemon(request) : impl_->ask_node(request);
  return answer ? *std::move(answer) : json_of(answer.error());
}

Json Session::follow(const Json& request, const Take& take, const std::function<bool()>& goes_on) {
  Impl& impl = *impl_;
  bool ended = false;
  std::unique_ptr<UvLoop::Handle> timer;
  std::function<void()> ask = [&] {
    ended = !goes_on();
    if (ended) return impl.loop.stop();
    timer = impl.loop.after(kAskPeriod, ask);
  };
  const auto finish = [&](Future<Json> answer) -> Json {
    if (goes_on) ask();
    auto last = impl.loop.run_until(std::move(answer));
    if (ended) return Json::object();
    return last ? *std::move(last) : json_of(last.error());
  };
  if (globals_.bootstrap.empty()) {
    return finish(start(impl.follow_daemon(to_cbor(request), take)));
  }
  if (auto ready = impl.enter(); !ready) return json_of(ready.error());
  Service here = impl.service();
  const auto emit = [&take](Json answer) {
    answer.erase("more");
    return Future<void>::resolved(take(answer) ? Result<void>()
                                               : Error(Errc::cancelled, "it has all it wanted"));
  };
  return finish(execute(here, request, emit));
}

Result<std::vector<Endpoint>> Session::resolve(const BootstrapName& name) {
  if (const auto numeric = name.numeric()) return std::vector<Endpoint>{numeric->endpoint};
  auto endpoints = impl_->wait(impl_->loop.resolve(name.where.host, name.where.port), impl_->left(),
                               "the name was not resolved");
  if (endpoints) return endpoints;
  return Error(Errc::unreachable, fmt::format("cannot resolve {}: {}", printable(name.where.host),
                                              endpoints.error().detail));
}

Result<Json> Session::Impl::ask_daemon(const Json& request) {
  auto reply = wait(control_request(loop, globals.control, to_cbor(request)), left() + kGrace,
                    "the daemon did not answer");
  if (reply) return parse_cbor(*reply);
  return explain(reply.error());
}

// The answers of the daemon to a request that goes on.
Task<Json> Session::Impl::follow_daemon(Bytes request, Take take) {
  auto frames = control_stream(loop, globals.control, request);
  while (true) {
    const auto frame = co_await frames.next();
    if (!frame) co_return json_of(explain(frame.error()));
    auto answer = parse_cbor(**frame);  // it never ends in order while we listen
    if (!answer) co_return json_of(answer.error());
    if (!answer->is_object() || answer->erase("more") == 0) co_return *std::move(answer);
    if (!take(*answer)) co_return Json::object();
  }
}

// What an error of the control socket means to the user.
Error Session::Impl::explain(const Error& error) const {
  if (error.code != Errc::unreachable) return error;
  return Error(
      Errc::unreachable,
      fmt::format("no daemon answers at {}: start dht-node, give the --control PATH of one "
                  "that runs, or use the network directly with --bootstrap HOST:PORT",
                  globals.control));
}

// Once.
Result<void> Session::Impl::enter() {
  if (entered) return {};
  if (!globals.key_file.empty()) {
    auto identity = load_identity(globals.key_file);
    if (!identity) {
      return Error(Errc::io, identity.error().detail);
    }
    owner = *std::move(identity);
  }
  Config config;
  config.network = globals.network;
  config.client = true;
  std::optional<Error> unresolved;
  for (const BootstrapName& name : globals.bootstrap) {
    if (const auto numeric = name.numeric()) {
      config.bootstrap.push_back(*numeric);
      continue;
    }
    auto endpoints =
        wait(loop.resolve(name.where.host, name.where.port), left(), "a name was not resolved");
    if (!endpoints) {
      unresolved = Error(Errc::unreachable, fmt::format("cannot resolve {}: {}", name.where.host,
                                                        endpoints.error().detail));
      continue;
    }
    for (const Endpoint& endpoint : *endpoints) config.bootstrap.push_back({endpoint, name.key});
  }
  if (config.bootstrap.empty()) return *unresolved;
  auto made = make_node(loop, Identity::guarded(random_seed()), std::move(config), {});
  if (!made) return std::move(made).error();
  node = *std::move(made);
  auto joined = wait(node->join(), left(), "the network was not entered");
  entered = joined.ok();
  if (joined) return {};
  if (joined.error().code != Errc::unreachable) return std::move(joined).error();
  return Error(Errc::unreachable,
               fmt::format("none of the nodes given with --bootstrap could be reached: {}",
                           joined.error().detail));
}

Result<Json> Session::Impl::ask_node(const Json& request) {
  if (auto ready = enter(); !ready) return std::move(ready).error();
  Service here = service();
  return wait(execute(here, request, nullptr), left() + kGrace, "no answer came");
}

}  // namespace kadmos::cli
