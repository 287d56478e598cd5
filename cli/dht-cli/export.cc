// export: reads many records and writes them as lines that import takes.
#include <fmt/core.h>

#include <set>

#include "cli/common/entries.h"
#include "cli/common/execute_many.h"
#include "cli/common/exit_code.h"
#include "cli/common/lines.h"
#include "cli/common/text.h"
#include "cli/dht-cli/bulk.h"
#include "cli/dht-cli/commands.h"
#include "cli/dht-cli/output.h"

namespace kadmos::cli {
namespace {

// A key to read, and how the user called it.
struct Wanted {
  std::string what;
  Key key;
};

class Export {
 public:
  Export(Session& session, const ExportCommand& command)
      : session_(session),
        globals_(session.globals()),
        command_(command),
        output_(LineWriter::to_stdout()),
        bulk_(session, "export", [this] { return part(); }) {}

  int run() {
    if (const int code = prepare(); code != kOk) return code;
    while (!bulk_.ending() && at_ < wanted_.size()) {
      send();
      keep(command_.output.empty() ? output_.write() : output_.sync());
    }
    conclude();
    return bulk_.exit_code();
  }

 private:
  // Finds out what is wanted, and of that what is there already.
  int prepare() {
    if (!command_.output.empty()) {
      if (auto opened = open_output(); !opened) return input_error(opened.error());
    }
    std::vector<std::string> what = command_.what;
    if (!command_.keys.empty()) {
      if (auto read = read_keys(what); !read) return input_error(read.error());
    }
    if (command_.what.empty() && command_.keys.empty()) return want_own();
    for (const std::string& one : what) {
      if (const int code = want(one); code != kOk) return code;
    }
    return kOk;
  }

  Result<void> open_output() {
    auto reader = LineReader::open(command_.output, kLongestLine);
    while (reader) {
      auto line = reader->next();
      if (!line) return std::move(line).error();
      if (!*line) break;
      // Of the last line a crash may have left a part.
      if (!(*line)->whole && begins_entry_line((*line)->text)) break;
      const auto key = key_of((*line)->text);
      if (!key) {
        return Error(Errc::invalid_argument,
                     fmt::format("{} holds something else than an export, in line {}: give another "
                                 "--output",
                                 command_.output, (*line)->number));
      }
      there_.insert(*key);
    }
    if (!reader && reader.error().code != Errc::not_found) return std::move(reader).error();
    auto output = LineWriter::append_to(command_.output);
    if (!output) return std::move(output).error();
    output_ = *std::move(output);
    return {};
  }

  // Of a line that was exported.
  static std::optional<Key> key_of(const std::string& line) {
    const auto json = parse_json(line);
    if (!json || !json->is_object() || !json->contains("key")) return std::nullopt;
    const Json& key = json->at("key");
    return key.is_string() ? Key::from_hex(key.get_ref<const std::string&>()) : std::nullopt;
  }

  Result<void> read_keys(std::vector<std::string>& what) const {
    auto reader = LineReader::open(command_.keys, Limits().name_bytes);
    if (!reader) return std::move(reader).error();
    while (true) {
      auto line = reader->next();
      if (!line) return std::move(line).error();
      if (!*line) return {};
      if ((*line)->too_long) {
        return Error(Errc::too_large, fmt::format("line {} of {} is longer than a name may be",
                                                  (*line)->number, command_.keys));
      }
      if (!(*line)->text.empty()) what.push_back((*line)->text);
    }
  }

  int want(const std::string& what) {
    Json request = {{"op", "export"}};
    if (!say_which(request, globals_, what, command_.owner)) return kUsage;
    if (request.contains("key")) {
      want(what, *Key::from_hex(what));
      return kOk;
    }
    if (!owner_) {
      if (command_.owner) {
        owner_ = PublicKey::from_hex(*command_.owner);
      } else {
        const Json status = session_.call({{"op", "status"}});
        if (status.contains("error")) return *cli::conclude(globals_, status, "export");
        owner_ = PublicKey::from_hex(status.at("owner").get<std::string>());
      }
    }
    want(what, owned_key(*owner_, view_of(what)));
    return kOk;
  }
  void want(const std::string& what, const Key& key) {
    if (there_.contains(key)) return bulk_.skip();
    if (asked_for_.insert(key).second) wanted_.push_back({what, key});
  }

  int want_own() {
    bulk_.follow(
        {{"op", "own"}, {"all", command_.all}},
        [this](const Json& answer) {
          for (const Json& key : answer.at("keys")) {
            const auto& text = key.get_ref<const std::string&>();
            want(text, *Key::from_hex(text));
          }
          return true;
        },
        [] {});
    return bulk_.exit_code();
  }

  void send() {
    const std::size_t begin = at_;
    Json entries = Json::array();
    while (at_ < wanted_.size() && entries.size() < kMostInputs) {
      entries.push_back({{"key", wanted_[at_++].key.hex()}});
    }
    const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(globals_.timeout);
    const Json request = {{"op", "get_many"},
                          {"entries", std::move(entries)},
                          {"timeout_ms", static_cast<std::uint64_t>(timeout.count())},
                          {"at_once", command_.jobs}};
    bulk_.follow(
        request,
        [&](const Json& answer) {
          take(wanted_.at(begin + answer.at("index").get<std::size_t>()), answer);
          return !bulk_.ending();
        },
        [this] { keep(output_.write()); });
  }

  void take(const Wanted& wanted, const Json& answer) {
    if (answer.contains("error")) return bulk_.fail(wanted.what, answer);
    if (answer.at("type") != "owned" && answer.at("type") != "content") {
      return bulk_.fail(wanted.what, json_of(Error(Errc::invalid_argument,
                                                   "this record is no value that can be set")));
    }
    output_.add(entry_line(answer));
    bulk_.done();
  }

  void keep(const Result<void>& written) {
    if (!written) bulk_.give_up(written.error().detail, kError);
  }

  int input_error(const Error& error) const {
    const int code = *cli::conclude(globals_, json_of(error), "export");
    return code == kNotFound ? kError : code;  // a file that is not there is no record
  }

  std::optional<double> part() const {
    if (wanted_.empty()) return std::nullopt;
    return static_cast<double>(bulk_.count() + bulk_.failed()) /
           static_cast<double>(wanted_.size());
  }

  void conclude() {
    bulk_.clear();
    if (!globals_.quiet) {
      fmt::print(stderr, "{} exported, {} failed, {} skipped; {}\n", bulk_.count(), bulk_.failed(),
                 bulk_.skipped(), bulk_.rate());
    }
    if (!bulk_.ending()) return;
    if (command_.output.empty()) {
      fmt::print(stderr,
                 "dht-cli: export: ended early; with --output FILE the same command would go on\n");
    } else {
      fmt::print(stderr, "dht-cli: export: ended early; the same command goes on\n");
    }
  }

  Session& session_;
  const Globals& globals_;
  const ExportCommand& command_;
  LineWriter output_;
  std::set<Key> there_;  // in the output already
  std::set<Key> asked_for_;
  std::vector<Wanted> wanted_;
  std::size_t at_ = 0;  // the first of them that was not sent
  std::optional<PublicKey> owner_;
  Bulk bulk_;
};

}  // namespace

int run(Session& session, const ExportCommand& command) { return Export(session, command).run(); }

}  // namespace kadmos::cli
