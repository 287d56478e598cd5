#include "cli/dht-cli/bulk.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "cli/common/exit_code.h"
#include "cli/common/text.h"
#include "cli/dht-cli/output.h"

namespace kadmos::cli {
namespace {

// Each record has its own deadline, up to three times if it is read before it is set. Nothing at
// all for longer than that means that nobody is there.
constexpr int kDeadlines = 3;
constexpr Duration kSilence = std::chrono::seconds(5);

}  // namespace

Bulk::Bulk(Session& session, const char* command, std::function<std::optional<double>()> part)
    : session_(session),
      command_(command),
      part_(std::move(part)),
      line_(session.globals().quiet) {}

bool Bulk::follow(const Json& request, const std::function<bool(const Json&)>& take,
                  const std::function<void()>& often) {
  auto heard = Clock::now();
  bool silent = false;
  bool refused = false;
  const Json end = session_.follow(
      request,
      [&](const Json& answer) {
        heard = Clock::now();
        refused = !take(answer);
        return !refused;
      },
      [&] {
        draw();
        often();
        silent = Clock::now() - heard > kDeadlines * session_.globals().timeout + kSilence;
        return !ending() && !silent;
      });
  if (silent) give_up("no answer came for too long", kUnreachable);
  if (end.contains("error")) {
    give_up(end.at("error").at("detail").get<std::string>(), exit_code_of(end));
  }
  return !refused && !ending();
}

void Bulk::draw() {
  if (!line_.due()) return;
  const auto part = part_();
  if (!part_at_start_) part_at_start_ = part;
  std::string text = fmt::format("{}  ", command_);
  if (part) text += show_part(*part) + "  ";
  text += fmt::format("{} done", show_count(static_cast<double>(done_)));
  if (failed_ > 0) text += fmt::format("  {} failed", show_count(static_cast<double>(failed_)));
  const double elapsed = std::max(seconds(), 0.001);
  text += fmt::format("  {}/s", show_count(static_cast<double>(done_) / elapsed));
  if (part && *part > *part_at_start_) {
    const double left = elapsed / (*part - *part_at_start_) * (1 - *part);
    text += fmt::format("  {} left", show_clock(left));
  }
  line_.draw(text);
}

void Bulk::fail(const std::string& what, const Json& answer) {
  ++failed_;
  if (code_ == kOk) code_ = exit_code_of(answer);
  line_.clear();
  write_note(
      fmt::format("dht-cli: {}: {}", what, answer.at("error").at("detail").get<std::string>()));
}

void Bulk::warn(const Json& answer) {
  if (warned_ || !answer.contains("warning")) return;
  warned_ = true;
  line_.clear();
  write_warning(command_, answer);
}

void Bulk::give_up(const std::string& why, int code) {
  if (std::exchange(given_up_, true)) return;
  code_ = code;
  line_.clear();
  write_note(fmt::format("dht-cli: {}: {}", command_, why));
}

std::string Bulk::rate() const {
  const double elapsed = std::max(seconds(), 0.001);
  return fmt::format("{:.0f}/s in {:.1f} s", static_cast<double>(done_) / elapsed, elapsed);
}

Json Bulk::summary() const {
  return {{"done", done_},
          {"failed", failed_},
          {"skipped", skipped_},
          {"complete", !ending()},
          {"elapsed_ms", in_milliseconds(Clock::now() - began_)}};
}

int Bulk::exit_code() const { return Interrupt::came() ? 128 + Interrupt::signal() : code_; }

}  // namespace kadmos::cli
