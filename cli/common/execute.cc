#include "cli/common/execute.h"

#include <fmt/core.h>

#include "cli/common/execute_many.h"
#include "cli/common/request.h"
#include "cli/common/survival.h"
#include "cli/common/text.h"
#include "cli/common/version.h"

namespace kadmos::cli {
namespace {

using namespace request_fields;
using SteadyClock = std::chrono::steady_clock;

Json invalid(std::string detail) {
  return json_of(Error(Errc::invalid_argument, std::move(detail)));
}

Future<Json> now(Json answer) { return Future<Json>::resolved(std::move(answer)); }

template <class T>
Json answer(const Result<T>& result) {
  return result ? json_of(*result) : json_of(result.error());
}

Future<Json> get(Service& service, const Json& request) {
  const auto key = key_in(service, request);
  if (!key) return now(json_of(key.error()));
  GetOptions options;
  options.timeout = timeout_of(request);
  options.first = request.value("first", false);
  if (const auto quorum = count(request, "quorum")) {
    options.quorum = static_cast<int>(std::min<std::uint64_t>(*quorum, 1'000'000));  // beyond any k
  }
  options.min_sequence = count(request, "min_seq").value_or(0);
  return service.node.get(*key, options).then([](Result<Found> found) -> Json {
    if (found && found->record.type == RecordType::tombstone) {
      return json_of(Error(Errc::not_found, "its owner deleted it"));
    }
    return answer(found);
  });
}

Future<Json> audit(Service& service, const Json& request) {
  const auto key = key_in(service, request);
  if (!key) return now(json_of(key.error()));
  AuditOptions options;
  options.timeout = timeout_of(request);
  options.repair = request.value("repair", false);
  const Duration half_life = millis(request, "half_life_ms").value_or(std::chrono::hours(2));
  if (half_life <= Duration(0)) return now(invalid("a half-life is above 0"));
  return service.node.audit(*key, options).then([&service, half_life](Result<Audit> audit) -> Json {
    Json out = answer(audit);
    if (!audit || !audit->newest) return out;
    const auto today = std::chrono::system_clock::now().time_since_epoch();
    const Config& config = service.node.config();
    // Replicas keep nothing for longer, whatever it says.
    const Duration left = std::min(audit->newest->expiry.time_since_epoch() -
                                       std::chrono::duration_cast<std::chrono::milliseconds>(today),
                                   config.ttl_max + config.clock_skew);
    const Loss loss = predict_loss(audit->holding, left, half_life);
    out["survival"] = {{"half_life_ms", in_milliseconds(half_life)},
                       {"mended_within_ms", in_milliseconds(kMendedWithin)},
                       {"loss", loss.mended},
                       {"loss_unmended", loss.unmended}};
    return out;
  });
}

// Gives one version after the other, the next only when the last was taken: who listens slowly
// misses some and gets the newest.
Task<Json> watch(Service& service, Key key, Emit emit) {
  auto updates = service.node.watch(key);
  while (true) {
    auto next = co_await updates.next();
    if (!next) co_return json_of(next.error());
    if (!*next) co_return Json::object();
    Json update = json_of(**next);
    update["more"] = true;
    if (const auto taken = co_await emit(std::move(update)); !taken) co_return Json::object();
  }
}

Future<Json> watch(Service& service, const Json& request, Emit emit) {
  const auto key = key_in(service, request);
  if (!key) return now(json_of(key.error()));
  return start(watch(service, *key, std::move(emit)));
}

SetOptions set_options(const Service& service, const Json& request) {
  SetOptions options;
  options.ttl = millis(request, "ttl_ms");
  options.timeout = timeout_of(request);
  options.owner = service.owner;
  options.if_sequence = count(request, "if_seq");
  options.accept_small = request.value("accept_small", false);
  return options;
}

Json receipt_of(const Service& service, const Result<Receipt>& receipt) {
  Json out = answer(receipt);
  if (receipt) out["owner"] = service.owner_key().hex();
  return out;
}

Future<Json> set(Service& service, const Json& request) {
  return service.node
      .set(text_of(bytes(request, "name")), bytes(request, "value"), set_options(service, request))
      .then([&service](Result<Receipt> receipt) { return receipt_of(service, receipt); });
}

Future<Json> del(Service& service, const Json& request) {
  return service.node.del(text_of(bytes(request, "name")), set_options(service, request))
      .then([&service](Result<Receipt> receipt) { return receipt_of(service, receipt); });
}

Future<Json> put(Service& service, const Json& request) {
  PutOptions options;
  options.ttl = millis(request, "ttl_ms");
  options.timeout = timeout_of(request);
  options.accept_small = request.value("accept_small", false);
  return service.node.put(bytes(request, "value"), options).then([](Result<Receipt> receipt) {
    return answer(receipt);
  });
}

// ---- providers

Future<Json> provide(Service& service, const Json& request, bool withdraw) {
  const auto key = key_in(service, request);
  if (!key) return now(json_of(key.error()));
  const ProvideOptions options{timeout_of(request), {}, request.value("accept_small", false)};
  auto receipt =
      withdraw ? service.node.unprovide(*key, options) : service.node.provide(*key, options);
  return std::move(receipt).then([&service, key = *key](Result<Receipt> result) -> Json {
    Json out = answer(result);
    if (!result) return out;
    out["key"] = key.hex();
    out["announcement"] = result->key.hex();
    out["owner"] = service.node.public_key().hex();
    return out;
  });
}

// All of them at once. Those found before it failed are worth more than why.
Task<Json> find_providers(Service& service, Key key, FindProvidersOptions options) {
  const auto started = SteadyClock::now();
  auto providers = service.node.find_providers(key, options);
  Json list = Json::array();
  std::optional<Error> failed;
  while (true) {
    auto next = co_await providers.next();
    if (!next) failed = std::move(next).error();
    if (failed || !*next) break;
    list.push_back(json_of(**next));
  }
  if (list.empty()) {
    co_return json_of(
        failed.value_or(Error(Errc::not_found, "no node that answered knows a provider")));
  }
  co_return Json{{"key", key.hex()},
                 {"providers", std::move(list)},
                 {"complete", !failed.has_value()},
                 {"elapsed_ms", in_milliseconds(SteadyClock::now() - started)}};
}

Future<Json> find_providers(Service& service, const Json& request) {
  const auto key = key_in(service, request);
  if (!key) return now(json_of(key.error()));
  FindProvidersOptions options;
  options.timeout = timeout_of(request);
  if (const auto limit = count(request, "limit")) options.limit = *limit;
  return start(find_providers(service, *key, options));
}

Future<Json> ping(Service& service, const Json& request) {
  const auto endpoint = Endpoint::parse(text(request, "endpoint"));
  if (!endpoint) return now(invalid("an endpoint is an address and a port"));
  Bootstrap where{*endpoint, std::nullopt};
  if (request.contains("key")) {
    where.key = PublicKey::from_hex(text(request, "key"));
    if (!where.key) return now(invalid("a public key has 64 hexadecimal digits"));
  }
  return service.node.ping(where).then([](Result<Pong> pong) -> Json {
    if (!pong) return json_of(pong.error());
    Json out = json_of(pong->peer);
    out["id"] = id_of(pong->peer.key).hex();
    out["elapsed_ms"] = in_milliseconds(pong->elapsed);
    return out;
  });
}

Json status(const Service& service) {
  const Node& node = service.node;
  const Stats stats = node.stats();
  const auto uptime =
      std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - service.started);
  Json out = {{"id", node.id().hex()},
              {"key", node.public_key().hex()},
              {"owner", service.owner_key().hex()},
              {"version", kVersion},
              {"network", node.config().network},
              {"client", node.config().client},
              {"endpoints", json_of(node.contact().endpoints)},
              {"uptime_ms", uptime.count()},
              {"peers", stats.table_size},
              {"records", stats.records_held},
              {"record_bytes", stats.bytes_held},
              {"not_renewed", forgotten(service)}};
  if (const auto twin = node.twin()) out["identity_in_use"] = twin->text();
  out.update(service.facts);
  if (const auto doubt = node.clock_doubt()) {
    out["clock"] = {{"seems", doubt->ahead ? "ahead" : "behind"},
                    {"peers", doubt->peers},
                    {"heard", doubt->heard}};
  }
  out["counters"] = json_of(stats);
  return out;
}

// The table may be larger than a reply; the nearest come first.
Json peers(const Service& service) {
  constexpr std::size_t kMost = 2000;
  Json list = Json::array();
  const auto contacts = service.node.contacts();
  for (const Contact& contact : contacts) {
    if (list.size() == kMost) break;
    const Id id = id_of(contact.key);
    Json one = json_of(contact);
    one["id"] = id.hex();
    one["shared_bits"] = shared_prefix(id, service.node.id());
    list.push_back(std::move(one));
  }
  return {{"peers", std::move(list)}, {"total", contacts.size()}};
}

// ---- profiles: a JSON object under the owner's name "whoami".

constexpr std::string_view kProfileName = "whoami";

Result<Json> profile_in(const Result<Found>& found) {
  if (!found) return found.error();
  if (found->record.type == RecordType::tombstone) {
    return Error(Errc::not_found, "its owner deleted the profile");
  }
  auto profile = parse_json(text_of(found->record.value));
  if (!profile || !profile->is_object()) {
    return Error(Errc::protocol, "what this owner published as whoami is no JSON object");
  }
  return profile;
}

Future<Json> whois(Service& service, const Json& request) {
  const auto owner = PublicKey::from_hex(text(request, "owner"));
  if (!owner) return now(invalid("an owner is a public key of 64 hexadecimal digits"));
  GetOptions options;
  options.timeout = timeout_of(request);
  const Key key = owned_key(*owner, view_of(kProfileName));
  return service.node.get(key, options).then([owner](Result<Found> found) -> Json {
    auto profile = profile_in(found);
    if (!profile) return json_of(profile.error());
    return {{"key", owner->hex()},
            {"id", id_of(*owner).hex()},
            {"profile", *std::move(profile)},
            {"sequence", found->record.sequence},
            {"expires", show(found->record.expiry)},
            {"hops", found->hops},
            {"elapsed_ms", in_milliseconds(found->elapsed)}};
  });
}

// Reads the own profile, merges the fields of `changes` (empty ones go), and publishes it if there
// are any.
Task<Json> whoami(Service& service, Json changes, std::optional<Duration> timeout) {
  const auto deadline =
      SteadyClock::now() + timeout.value_or(service.node.config().operation_timeout);
  const PublicKey owner = service.owner_key();
  GetOptions get_options;
  get_options.timeout = timeout;
  auto found = co_await service.node.get(owned_key(owner, view_of(kProfileName)), get_options);
  Json profile = Json::object();
  bool published = false;
  if (found || found.error().code != Errc::not_found) {
    auto known = profile_in(found);
    if (!known && known.error().code != Errc::not_found) co_return json_of(known.error());
    published = known.ok();
    if (known) profile = *std::move(known);
  }
  Json out = {{"key", owner.hex()}, {"id", id_of(owner).hex()}};
  if (!changes.empty()) {
    for (const auto& [field, value] : changes.items()) {
      if (value.get_ref<const std::string&>().empty()) {
        profile.erase(field);
      } else {
        profile[field] = value;
      }
    }
    SetOptions options;
    options.owner = service.owner;
    options.timeout =
        std::max<Duration>(deadline - SteadyClock::now(), std::chrono::milliseconds(1));
    const std::string value = profile.dump();
    auto receipt = co_await service.node.set(kProfileName, view_of(value), options);
    if (!receipt) co_return json_of(receipt.error());
    published = true;
    out["receipt"] = json_of(*receipt);
  }
  out["published"] = published;
  out["profile"] = std::move(profile);
  co_return out;
}

Future<Json> whoami(Service& service, const Json& request) {
  Json changes = request.value("set", Json::object());
  for (const auto& value : changes) {
    if (!value.is_string() || !is_utf8(value.get_ref<const std::string&>())) {
      return now(invalid("a profile's fields are text"));
    }
  }
  return start(whoami(service, std::move(changes), timeout_of(request)));
}

Future<Json> dispatch(Service& service, const Json& request, Emit emit) {
  const std::string& op = text(request, "op");
  if (op == "get") return get(service, request);
  if (op == "audit") return audit(service, request);
  if (op == "watch") return watch(service, request, std::move(emit));
  if (op == "set") return set(service, request);
  if (op == "put") return put(service, request);
  if (op == "del") return del(service, request);
  if (op == "provide") return provide(service, request, false);
  if (op == "unprovide") return provide(service, request, true);
  if (op == "find_providers") return find_providers(service, request);
  if (op == "set_many") return set_many(service, request, std::move(emit));
  if (op == "get_many") return get_many(service, request, std::move(emit));
  if (op == "provide_many") return provide_many(service, request, std::move(emit));
  if (op == "own") return own_keys(service, request, std::move(emit));
  if (op == "renew") return renew(service, request, std::move(emit));
  if (op == "ping") return ping(service, request);
  if (op == "status") return now(status(service));
  if (op == "peers") return now(peers(service));
  if (op == "whoami") return whoami(service, request);
  if (op == "whois") return whois(service, request);
  return now(invalid(fmt::format("'{}' is no request that this version knows", printable(op))));
}

}  // namespace

bool goes_on(const Json& request) {
  const auto op = request.find("op");
  if (op == request.end()) return false;
  for (const char* one : {"watch", "set_many", "get_many", "provide_many", "own", "renew"}) {
    if (*op == one) return true;
  }
  return false;
}

Future<Json> execute(Service& service, const Json& request, Emit emit) {
  try {
    return dispatch(service, request, std::move(emit)).then([](Result<Json> result) -> Json {
      return result ? *std::move(result) : json_of(result.error());
    });
  } catch (const Json::exception& e) {
    return now(invalid(fmt::format("a request with a missing or wrong field: {}", e.what())));
  }
}

}  // namespace kadmos::cli
