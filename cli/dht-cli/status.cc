// status, peers and ping: what the network looks like from here.
#include <fmt/core.h>

#include "cli/common/exit_code.h"
#include "cli/common/text.h"
#include "cli/dht-cli/commands.h"
#include "cli/dht-cli/output.h"

namespace kadmos::cli {
namespace {

// Own records that expired too long ago to be published anew without being told to.
void write_not_renewed(const Json& list) {
  const auto total = list.at("total").get<std::uint64_t>();
  if (total == 0) return;
  write_line(fmt::format(
      "expired   {} own records, long ago: 'dht-cli renew --all' publishes them anew", total));
  const Json& records = list.at("records");
  for (const Json& record : records) write_line("  " + lapsed_line(record));
  if (records.size() < total) write_line(fmt::format("  and {} more", total - records.size()));
}

}  // namespace

int run(Session& session, const StatusCommand&) {
  const Json answer = session.call({{"op", "status"}});
  if (const auto done = conclude(session.globals(), answer, "status")) return *done;
  const auto line = [](std::string_view name, std::string_view value) {
    write_line(fmt::format("{:9} {}", name, value));
  };
  const auto number = [&](const char* field) { return answer.at(field).get<std::uint64_t>(); };
  line("id", answer.at("id").get<std::string>());
  line("key", answer.at("key").get<std::string>());
  line("version", answer.at("version").get<std::string>());
  line("network", answer.at("network").get<std::string>());
  line("listen", answer.at("listen").get<std::string>());
  line("told as", joined(answer.at("endpoints")));
  line("up", show(Duration(std::chrono::milliseconds(number("uptime_ms")))));
  line("peers", fmt::format("{}", number("peers")));
  line("records", fmt::format("{} ({} bytes)", number("records"), number("record_bytes")));
  write_not_renewed(answer.at("not_renewed"));
  if (const auto twin = answer.find("identity_in_use"); twin != answer.end()) {
    line("warning", fmt::format("{} uses this node's identity too: stop one of the two and give it "
                                "a data directory with a key of its own",
                                twin->get<std::string>()));
  }
  if (answer.contains("clock")) {
    const Json& clock = answer.at("clock");
    line("clock",
         fmt::format("seems to be {} ({} of {} peers say so): see timedatectl",
                     clock.at("seems").get<std::string>(), clock.at("peers").get<std::uint64_t>(),
                     clock.at("heard").get<std::uint64_t>()));
  }
  if (!session.globals().verbose) return kOk;
  for (const auto& [name, value] : answer.at("counters").items()) {
    if (const auto count = value.get<std::uint64_t>(); count > 0) {
      write_line(fmt::format("  {:24} {}", name, count));
    }
  }
  return kOk;
}

int run(Session& session, const PeersCommand&) {
  const Json answer = session.call({{"op", "peers"}});
  if (const auto done = conclude(session.globals(), answer, "peers")) return *done;
  if (!session.globals().quiet) {
    write_line(fmt::format("{:12}  {:4}  {:64}  {}", "id", "bits", "key", "endpoints"));
  }
  for (const Json& peer : answer.at("peers")) {
    write_line(fmt::format("{:12}  {:4}  {:64}  {}", peer.at("id").get<std::string>().substr(0, 12),
                           peer.at("shared_bits").get<int>(), peer.at("key").get<std::string>(),
                           joined(peer.at("endpoints"))));
  }
  return kOk;
}

int run(Session& session, const PingCommand& command) {
  const Globals& globals = session.globals();
  const std::string what = "ping";
  auto endpoints = session.resolve(command.where);
  if (!endpoints) return *conclude(globals, json_of(endpoints.error()), what);
  Json answer;
  for (const Endpoint& endpoint : *endpoints) {
    Json request = {{"op", "ping"}, {"endpoint", endpoint.text()}};
    if (command.where.key) request["key"] = command.where.key->hex();
    answer = session.call(std::move(request));
    if (!answer.contains("error")) break;
  }
  if (const auto done = conclude(globals, answer, what)) return *done;
  write_line(fmt::format("{}@{} answers, {:.2f} ms", answer.at("key").get<std::string>(),
                         joined(answer.at("endpoints")), answer.at("elapsed_ms").get<double>()));
  return kOk;
}

}  // namespace kadmos::cli
