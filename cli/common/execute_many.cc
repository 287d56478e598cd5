#include "cli/common/execute_many.h"

#include <fmt/core.h>

#include <algorithm>

#include "cli/common/request.h"
#include "cli/common/text.h"
#include "kadmos/many.h"

namespace kadmos::cli {
namespace {

using namespace request_fields;

constexpr std::size_t kKeysPerAnswer = 1000;
constexpr std::size_t kMostListed = 100;  // in a status, which is one answer

Future<Json> now(const Error& error) { return Future<Json>::resolved(json_of(error)); }

// Whom it asked is most of an answer, so it is told on demand.
void leave_out_asked(Receipt& receipt) { receipt.replicas.clear(); }
void leave_out_asked(Found& found) { found.asked.clear(); }
void leave_out_asked(Error& error) {
  error.asked.clear();
  if (!error.receipt) return;
  Receipt receipt = *error.receipt;
  leave_out_asked(receipt);
  error.receipt = std::make_shared<const Receipt>(std::move(receipt));
}

// `complete` adds to the answer of one that went well what the result does not say.
template <class T, class Complete>
Json answer(Done<T> done, bool whom, const Complete& complete) {
  Json out;
  if (!done.result) {
    Error error = std::move(done.result).error();
    if (!whom) leave_out_asked(error);
    out = json_of(error);
  } else {
    if (!whom) leave_out_asked(*done.result);
    out = json_of(*done.result);
    complete(out, done.index);
    if (!whom) {
      out.erase("replicas");
      out.erase("asked");
    }
  }
  out["index"] = done.index;
  out["more"] = true;
  return out;
}

// Gives each result as soon as the last was taken. Those that wait do so in the stream.
template <class T, class Complete>
Task<Json> give(Stream<Done<T>> results, bool whom, Complete complete, Emit emit) {
  while (true) {
    auto next = co_await results.next();
    if (!next) co_return json_of(next.error());
    if (!*next) co_return Json::object();
    const auto taken = co_await emit(answer(**std::move(next), whom, complete));
    if (!taken) co_return Json::object();
  }
}

ManyOptions options_in(const Service& service, const Json& request) {
  ManyOptions options;
  options.timeout = timeout_of(request);
  options.at_once = count(request, "at_once").value_or(options.at_once);
  options.owner = service.owner;
  options.accept_small = request.value("accept_small", false);
  return options;
}

// The inputs under `field`, each made by `read`. Errors: too_large, those of `read`.
template <class T, class Read>
Result<std::vector<T>> inputs(const Json& request, const char* field, const Read& read) {
  const auto& list = request.at(field).get_ref<const Json::array_t&>();
  if (list.size() > kMostInputs) {
    return Error(Errc::too_large,
                 fmt::format("{} inputs; at most {} fit one request", list.size(), kMostInputs));
  }
  std::vector<T> out;
  out.reserve(list.size());
  for (const Json& one : list) {
    Result<T> input = read(one);
    if (!input) return std::move(input).error();
    out.push_back(*std::move(input));
  }
  return out;
}

Result<std::vector<Key>> keys_in(const Service& service, const Json& request) {
  return inputs<Key>(request, "entries", [&](const Json& input) { return key_in(service, input); });
}

bool wants_whom(const Json& request) { return request.value("replicas", false); }

Entry entry_in(const Json& input) {
  Entry entry;
  if (input.contains("name")) entry.name = text_of(bytes(input, "name"));
  entry.value = to_bytes(bytes(input, "value"));
  entry.ttl = millis(input, "ttl_ms");
  entry.sequence = count(input, "sequence");
  return entry;
}

// Which record it is; of one that did not lapse the key alone.
Json lapsed_record(const Node& node, const Key& key) {
  Json out = {{"key", key.hex()}};
  const auto held = node.lapsed(key);
  if (!held || !*held) return out;
  const Json record = json_of((*held)->record);
  for (const char* field : {"type", "name"}) {
    if (record.contains(field)) out[field] = record.at(field);
  }
  if (const auto announcement = announced((*held)->record)) {
    out.erase("name");
    out["provides"] = announcement->key.hex();
  }
  out["expired"] = show((*held)->expiry);
  return out;
}

Task<Json> own_keys(Service& service, std::vector<Key> all, Emit emit) {
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(at + kKeysPerAnswer, all.size());
    Json keys = Json::array();
    for (; at < end; ++at) {
      const auto held = service.node.held(all[at]);
      // One that cannot be read is listed, so that whoever asks for it hears of that.
      const bool record =
          !held ||
          (*held && ((*held)->type == RecordType::owned || (*held)->type == RecordType::content));
      if (record) keys.push_back(all[at].hex());
    }
    Json page = Json::object();
    page["keys"] = std::move(keys);
    page["more"] = true;
    const auto taken = co_await emit(std::move(page));
    if (!taken) break;
  }
  co_return Json::object();
}

}  // namespace

Future<Json> set_many(Service& service, const Json& request, Emit emit) {
  auto entries = inputs<Entry>(request, "entries",
                               [](const Json& input) -> Result<Entry> { return entry_in(input); });
  if (!entries) return now(entries.error());
  auto results = set_many(service.node, *std::move(entries), options_in(service, request));
  const auto complete = [&service](Json& out, std::size_t) {
    if (out.at("sequence") != 0) out["owner"] = service.owner_key().hex();
    if (out.at("target") == 0) {
      for (const char* field : {"target", "quorum", "durable"}) out.erase(field);
      out["not_set"] = "unchanged";
    }
  };
  return start(give(std::move(results), wants_whom(request), complete, std::move(emit)));
}

Future<Json> get_many(Service& service, const Json& request, Emit emit) {
  auto keys = keys_in(service, request);
  if (!keys) return now(keys.error());
  auto results = get_many(service.node, *keys, options_in(service, request));
  const auto complete = [&service, keys = *std::move(keys)](Json& out, std::size_t index) {
    if (service.node.owns(keys[index])) out["renewed"] = true;
  };
  return start(give(std::move(results), wants_whom(request), complete, std::move(emit)));
}

Future<Json> provide_many(Service& service, const Json& request, Emit emit) {
  auto keys = keys_in(service, request);
  if (!keys) return now(keys.error());
  auto results = provide_many(service.node, *keys, options_in(service, request));
  const auto complete = [&service, keys = *std::move(keys)](Json& out, std::size_t index) {
    out["announcement"] = out.at("key");
    out["key"] = keys[index].hex();
    out["owner"] = service.node.public_key().hex();
  };
  return start(give(std::move(results), wants_whom(request), complete, std::move(emit)));
}

Future<Json> own_keys(Service& service, const Json& request, Emit emit) {
  std::vector<Key> keys = service.node.own_keys();
  if (request.value("all", false)) {
    const std::vector<Key> more = service.node.own_keys(Own::until_expiry);
    keys.insert(keys.end(), more.begin(), more.end());
  }
  return start(own_keys(service, std::move(keys), std::move(emit)));
}

// What the records are is asked before they are renewed, and told with each answer.
Future<Json> renew(Service& service, const Json& request, Emit emit) {
  const bool all = request.value("all", false);
  auto keys = all ? Result(service.node.forgotten_keys()) : keys_in(service, request);
  if (!keys) return now(keys.error());
  std::vector<Json> what;
  for (const Key& key : *keys) what.push_back(lapsed_record(service.node, key));
  auto results = renew_many(service.node, *std::move(keys), options_in(service, request));
  const auto complete = [](Json&, std::size_t) {};
  const auto named = [what = std::move(what), emit = std::move(emit)](Json answer) {
    answer.update(what[answer.at("index").get<std::size_t>()]);
    return emit(std::move(answer));
  };
  return start(give(std::move(results), wants_whom(request), complete, Emit(named)));
}

Json forgotten(const Service& service) {
  const std::vector<Key> keys = service.node.forgotten_keys();
  Json list = Json::array();
  for (const Key& key : keys) {
    if (list.size() == kMostListed) break;
    list.push_back(lapsed_record(service.node, key));
  }
  return {{"total", keys.size()}, {"records", std::move(list)}};
}

}  // namespace kadmos::cli
