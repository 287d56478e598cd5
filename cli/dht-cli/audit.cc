// audit: which nodes hold a key, and whether that is enough.
#include <fmt/core.h>

#include "cli/common/exit_code.h"
#include "cli/common/survival.h"
#include "cli/common/text.h"
#include "cli/dht-cli/commands.h"
#include "cli/dht-cli/output.h"

namespace kadmos::cli {
namespace {

std::string text_in(const Json& json, const char* field) {
  return json.at(field).get<std::string>();
}

std::string state_of(const Json& replica) {
  std::string out = text_in(replica, "outcome");
  if (out == "found") out = replica.at("newest").get<bool>() ? "holds" : "older";
  if (replica.contains("repair")) out += ", repair: " + text_in(replica.at("repair"), "outcome");
  return out;
}

void write_table(const Json& answer) {
  constexpr const char* kRow = "{:>4}  {:12}  {:24}  {:>10}  {}";
  write_line(fmt::format(kRow, "rank", "key", "endpoint", "sequence", "state"));
  for (const Json& replica : answer.at("replicas")) {
    const int rank = replica.at("rank").get<int>();
    const Json& endpoints = replica.at("endpoints");
    const auto sequence = replica.find("sequence");
    write_line(fmt::format(
        kRow, rank == 0 ? "-" : std::to_string(rank), text_in(replica, "key").substr(0, 12),
        endpoints.empty() ? "-" : endpoints.at(0).get<std::string>(),
        sequence == replica.end() ? "-" : std::to_string(sequence->get<std::uint64_t>()),
        state_of(replica)));
  }
}

void write_judgement(const Json& answer, const AuditCommand& command, bool quiet) {
  const int target = answer.at("target").get<int>();
  if (!answer.contains("expires")) {
    write_line(fmt::format("none of the {} nearest holds anything", target));
    return;
  }
  const std::string version =
      answer.contains("sequence")
          ? fmt::format("sequence {}{}", answer.at("sequence").get<std::uint64_t>(),
                        answer.contains("deleted") ? " (deleted)" : "")
          : "it";
  const int elsewhere = answer.at("elsewhere").get<int>();
  const std::string farther = elsewhere == 0 ? "" : fmt::format(", and {} farther ones", elsewhere);
  const Json& survival = answer.at("survival");
  write_line(fmt::format(
      "{} of {} nearest hold {}{}; predicted to survive until {} but for a probability of {:.1e}",
      answer.at("holding").get<int>(), target, version, farther, text_in(answer, "expires"),
      survival.at("loss").get<double>()));
  if (quiet) return;
  write_line(fmt::format(
      "assuming that nodes fail independently, half of them within {:g} h, and that lost "
      "copies are made good within {:g} min; if never: {:.1e}",
      std::chrono::duration<double, std::ratio<3600>>(command.half_life).count(),
      std::chrono::duration<double, std::ratio<60>>(kMendedWithin).count(),
      survival.at("loss_unmended").get<double>()));
}

}  // namespace

int run(Session& session, const AuditCommand& command) {
  const Globals& globals = session.globals();
  Json request = {{"op", "audit"},
                  {"repair", command.repair},
                  {"half_life_ms", static_cast<std::uint64_t>(command.half_life.count())}};
  if (!say_which(request, globals, command.what, command.owner)) return kUsage;
  const Json answer = session.call(std::move(request));
  const auto done = conclude(globals, answer, "audit " + command.what);
  if (answer.contains("error")) return *done;
  if (!done) {
    write_table(answer);
    write_judgement(answer, command, globals.quiet);
  }
  if (!answer.contains("expires")) return kNotFound;
  return answer.at("holding").get<int>() < answer.at("quorum").get<int>() ? kIncomplete : kOk;
}

}  // namespace kadmos::cli
