#include "cli/dht-cli/output.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/common/exit_code.h"
#include "cli/common/text.h"

namespace kadmos::cli {
namespace {

std::string text_in(const Json& json, const char* field) {
  const auto found = json.find(field);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

int exit_code_named(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Errc::exception); ++i) {
    if (name_of(static_cast<Errc>(i)) == name) return exit_code_of(static_cast<Errc>(i));
  }
  return kError;
}

// What can be done about it, where the error itself does not say.
std::string_view advice(std::string_view code) {
  if (code == "timeout") return "; a longer --timeout may help, -v shows who was asked";
  if (code == "quorum_not_met") return "; -v shows what each replica did";
  if (code == "not_found") return "; it may have expired, or belong to another --owner";
  return "";
}

void write_asked(const Json& list) {
  for (const Json& asked : list) {
    const Json& endpoints = asked.at("endpoints");
    const std::string detail = text_in(asked, "detail");
    write_note(fmt::format("  {:12} {:>9.2f} ms  {}@{}{}{}", text_in(asked, "outcome"),
                           asked.at("elapsed_ms").get<double>(),
                           text_in(asked, "key").substr(0, 12),
                           endpoints.empty() ? "-" : endpoints.at(0).get<std::string>(),
                           detail.empty() ? "" : "  ", detail));
  }
}

// The nodes asked are listed under one of these, wherever the answer has it.
void write_outcomes(const Json& answer) {
  for (const char* field : {"asked", "replicas"}) {
    if (answer.contains(field)) write_asked(answer.at(field));
  }
  for (const char* field : {"error", "receipt"}) {
    if (answer.contains(field)) write_outcomes(answer.at(field));
  }
}

void put_line(std::FILE* file, std::string_view line) {
  const std::string shown = printable(line) + "\n";
  std::fwrite(shown.data(), 1, shown.size(), file);
}

bool flush() {
  if (std::fflush(stdout) == 0) return true;
  fmt::print(stderr, "dht-cli: cannot write to stdout: {}\n", std::strerror(errno));
  return false;
}

}  // namespace

bool write_value(ByteView value, bool raw) {
  if (::isatty(STDOUT_FILENO) != 0) return write_version(value, raw);
  if (!value.empty()) std::fwrite(value.data(), 1, value.size(), stdout);
  return flush();
}

bool write_version(ByteView value, bool raw) {
  const std::string shown = !raw && ::isatty(STDOUT_FILENO) != 0 ? printable_lines(text_of(value))
                                                                 : std::string(text_of(value));
  std::fwrite(shown.data(), 1, shown.size(), stdout);
  std::fputc('\n', stdout);
  return flush();
}

void write_line(std::string_view line) { put_line(stdout, line); }

void write_note(std::string_view line) { put_line(stderr, line); }

bool write_now(const Json& json) {
  write_line(dump(json));
  return flush();
}

std::string joined(const Json& endpoints) {
  std::string out;
  for (const Json& endpoint : endpoints) {
    out += (out.empty() ? "" : ", ") + endpoint.get<std::string>();
  }
  return out.empty() ? "-" : out;
}

bool say_which(Json& request, const Globals& globals, const std::string& what,
               const std::optional<std::string>& owner) {
  if (!owner && Key::from_hex(what)) {
    request["key"] = what;
    return true;
  }
  if (!owner && !globals.bootstrap.empty() && globals.key_file.empty()) {
    usage(request.at("op").get<std::string>() +
          ": whose name? Give --owner KEY, or --key FILE for your own");
    return false;
  }
  request["name"] = binary(view_of(what));
  if (owner) request["owner"] = *owner;
  return true;
}

int usage(std::string_view message) {
  write_note(fmt::format("dht-cli: {}", message));
  return kUsage;
}

void write_warning(std::string_view what, const Json& receipt) {
  const std::string warning = text_in(receipt, "warning");
  if (warning.empty()) return;
  write_note(fmt::format("dht-cli: {}: {}", what, warning));
}

int exit_code_of(const Json& answer) {
  return exit_code_named(text_in(answer.at("error"), "code"));
}

std::optional<int> conclude(const Globals& globals, const Json& answer, std::string_view what) {
  if (globals.json) write_line(dump(answer));
  const bool failed = answer.contains("error");
  int code = kOk;
  if (failed) {
    const Json& error = answer.at("error");
    const std::string name = text_in(error, "code");
    write_note(fmt::format("dht-cli: {}: {}{}", what, text_in(error, "detail"), advice(name)));
    code = exit_code_named(name);
  }
  if (!failed) write_warning(what, answer.contains("receipt") ? answer.at("receipt") : answer);
  if (globals.verbose) write_outcomes(answer);
  if (failed || globals.json) return code;
  return std::nullopt;
}

std::string receipt_line(const Json& receipt) {
  const int hops = receipt.at("hops").get<int>();
  return fmt::format("{} of {} replicas have it durably ({} needed), {} {}, {:.2f} ms",
                     receipt.at("durable").get<int>(), receipt.at("target").get<int>(),
                     receipt.at("quorum").get<int>(), hops, hops == 1 ? "hop" : "hops",
                     receipt.at("elapsed_ms").get<double>());
}

std::string lapsed_line(const Json& record) {
  std::string out = record.at("key").get<std::string>();
  if (record.contains("type")) out += "  " + record.at("type").get<std::string>();
  if (record.contains("name")) out += "  " + std::string(text_of(record.at("name").get_binary()));
  if (record.contains("provides")) out += "  " + record.at("provides").get<std::string>();
  if (record.contains("expired")) out += "  " + record.at("expired").get<std::string>();
  return out;
}

}  // namespace kadmos::cli
