#include "cli/dht-sim/result_file.h"

#include <fmt/core.h>

#include "cli/common/files.h"
#include "cli/common/text.h"

namespace kadmos::cli {
namespace {

constexpr std::size_t kMaxBytes = 256UL * 1024 * 1024;

const std::vector<const char*> kTexts = {"/scenario", "/summary", "/digest"};
const std::vector<const char*> kCounts = {
    "/seed",           "/nodes",           "/k",
    "/alpha",          "/events",          "/rss_bytes",
    "/joins_failed",   "/adversaries",     "/deeds",
    "/lost_keys",      "/violations",      "/lookups/succeeded",
    "/lookups/failed", "/lookups/aborted", "/gets/succeeded",
    "/gets/failed",    "/gets/aborted",    "/sets/succeeded",
    "/sets/failed",    "/sets/aborted"};
const std::vector<const char*> kNumbers = {
    "/adversary_share", "/duration_s",     "/simulated_s",       "/seconds",
    "/events_per_s",    "/get_success",    "/set_success",       "/lookup_success",
    "/hops_mean",       "/rpcs_mean",      "/recall_at_k",       "/bytes_per_node_s",
    "/closest_ms/p50",  "/closest_ms/p90", "/closest_ms/p99",    "/get_ms/p50",
    "/get_ms/p90",      "/get_ms/p99",     "/lookups/hops_mean", "/lookups/rpcs_mean",
    "/lookups/ms/p50",  "/lookups/ms/p90", "/lookups/ms/p99",    "/gets/hops_mean",
    "/gets/rpcs_mean",  "/gets/ms/p50",    "/gets/ms/p90",       "/gets/ms/p99",
    "/sets/hops_mean",  "/sets/rpcs_mean", "/sets/ms/p50",       "/sets/ms/p90",
    "/sets/ms/p99"};
const std::vector<const char*> kLists = {"/settings",         "/slices",          "/faults",
                                         "/violation_list",   "/gets/curve_ms",   "/sets/curve_ms",
                                         "/lookups/curve_ms", "/closest_curve_ms"};
const std::vector<const char*> kSliceNumbers = {
    "/begin_s",  "/operations", "/failures", "/hops_mean", "/get_ms/p50", "/get_ms/p90",
    "/recalled", "/to_recall",  "/bytes",    "/nodes_up",  "/replicas"};

class Checker {
 public:
  using Is = bool (*)(const Json&);

  // Notes the first complaint only.
  void want(const Json& in, const char* path, Is is, const char* kind) {
    if (!complaint_.empty()) return;
    const Json::json_pointer pointer(path);
    const std::string name = where_ + (*path == '\0' ? "" : path + 1);
    if (!in.contains(pointer)) {
      complaint_ = fmt::format("'{}' is missing", name);
    } else if (!is(in.at(pointer))) {
      complaint_ = fmt::format("'{}' is not {}", name, kind);
    }
  }
  void want(const Json& in, const std::vector<const char*>& paths, Is is, const char* kind) {
    for (const char* path : paths) want(in, path, is, kind);
  }

  void run(const Json& run, std::string where) {
    where_ = where;
    if (!run.is_object()) {
      if (complaint_.empty()) complaint_ = where + " is not an object";
      return;
    }
    want(run, kTexts, is_text, "text");
    want(run, kCounts, is_count, "a whole number");
    want(run, kNumbers, is_number, "a number");
    want(run, kLists, is_list, "a list");
    if (!complaint_.empty()) return;
    each(run, where, "settings", [&](const Json& one) { want(one, "", is_text, "text"); });
    for (const char* path :
         {"/gets/curve_ms", "/sets/curve_ms", "/lookups/curve_ms", "/closest_curve_ms"}) {
      for (const Json& number : run.at(Json::json_pointer(path))) {
        if (!number.is_number() && complaint_.empty()) {
          complaint_ = fmt::format("'{}{}' does not list numbers", where, path + 1);
        }
      }
    }
    each(run, where, "slices",
         [&](const Json& one) { want(one, kSliceNumbers, is_number, "a number"); });
    each(run, where, "faults", [&](const Json& one) {
      want(one, "/kind", is_text, "text");
      want(one, {"/begin_s", "/end_s"}, is_number, "a number");
    });
    each(run, where, "violation_list", [&](const Json& one) {
      want(one, {"/rule", "/detail"}, is_text, "text");
      want(one, "/at_s", is_number, "a number");
    });
  }

  std::string check(const Json& result) {
    run(result, "");
    if (!complaint_.empty()) return complaint_;
    each(result, "", "runs", [&](const Json& one) { run(one, where_); });
    each(result, "", "yardsticks", [&](const Json& one) {
      want(one, {"/figure", "/path", "/unit", "/source"}, is_text, "text");
      want(one, "/value", is_number, "a number");
      if (complaint_.empty()) yardstick_path(one.at("path").get<std::string>());
    });
    each(result, "", "failed_runs", [&](const Json& one) {
      want(one, "/seed", is_count, "a whole number");
      want(one, "/detail", is_text, "text");
    });
    return complaint_;
  }

 private:
  static bool is_text(const Json& json) { return json.is_string(); }
  static bool is_count(const Json& json) { return json.is_number_unsigned(); }
  static bool is_number(const Json& json) { return json.is_number(); }
  static bool is_list(const Json& json) { return json.is_array(); }

  template <class Visit>
  void each(const Json& in, const std::string& where, const char* name, Visit visit) {
    const auto list = in.find(name);
    if (list == in.end() || !complaint_.empty()) return;
    if (!list->is_array()) {
      complaint_ = fmt::format("'{}{}' is not a list", where, name);
      return;
    }
    for (std::size_t i = 0; i < list->size(); ++i) {
      where_ = fmt::format("{}{}/{}/", where, name, i);
      visit((*list)[i]);
    }
    where_ = where;
  }

  // It must point at a number that every run was seen to have.
  void yardstick_path(const std::string& path) {
    for (const char* known : kNumbers) {
      if (path == known) return;
    }
    complaint_ = fmt::format("'{}path' names no figure", where_);
  }

  std::string where_;
  std::string complaint_;
};

}  // namespace

Result<Json> load_result(const std::string& file) {
  auto bytes = read_file(file, kMaxBytes);
  if (!bytes) return bytes.error();
  auto json = parse_json(text_of(*bytes));
  if (!json) {
    return Error(Errc::invalid_argument,
                 fmt::format("{}: not JSON: {}", printable(file), json.error().detail));
  }
  if (const std::string complaint = Checker().check(*json); !complaint.empty()) {
    return Error(Errc::invalid_argument,
                 fmt::format("{}: not a result of dht-sim run: {}", printable(file), complaint));
  }
  return json;
}

}  // namespace kadmos::cli
