// import: publishes the lines of a file, a batch after the other. What was stored may be noted in a
// file, by which a later import leaves it out. What is older than what the network knows, is there
// already or has expired is passed over, unless all is forced.
#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "cli/common/entries.h"
#include "cli/common/execute_many.h"
#include "cli/common/exit_code.h"
#include "cli/common/lines.h"
#include "cli/common/text.h"
#include "cli/dht-cli/bulk.h"
#include "cli/dht-cli/commands.h"
#include "cli/dht-cli/output.h"
#include "kadmos/uv.h"

namespace kadmos::cli {
namespace {

// Of names and values in one request, which has room for more.
constexpr std::size_t kBatchBytes = 768 * 1024;

// Lines that were stored, as a file of their ids. A text that occurs several times is noted as
// often as it was stored, so that of A, B, A the last is not taken for the first.
class Noted {
 public:
  // `path` empty: none. `whose` sets the ids of one owner in one network apart from all others.
  static Result<Noted> open(const std::string& path, std::string whose);

  std::string id_of(std::string_view line) const {
    return content_key(view_of(whose_ + std::string(line))).hex().substr(0, kDigits);
  }
  // Whether it was stored before; each note counts for one line.
  bool take(const std::string& id) {
    const auto found = left_.find(id);
    if (found == left_.end()) return false;
    if (--found->second == 0) left_.erase(found);
    return true;
  }
  void add(const std::string& id) {
    if (file_) file_->add(id);
  }
  Result<void> write() { return file_ ? file_->write() : Result<void>(); }
  Result<void> sync() { return file_ ? file_->sync() : Result<void>(); }

 private:
  static constexpr std::size_t kDigits = 32;
  static bool is_id(std::string_view text) {
    return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  }

  std::string whose_;
  std::map<std::string, std::size_t> left_;
  std::optional<LineWriter> file_;
};

Result<Noted> Noted::open(const std::string& path, std::string whose) {
  Noted out;
  out.whose_ = std::move(whose);
  if (path.empty()) return out;
  auto reader = LineReader::open(path, kDigits);
  while (reader) {
    auto line = reader->next();
    if (!line) return std::move(line).error();
    if (!*line) break;
    const std::string& text = (*line)->text;
    // Of the last line a crash may have left a part.
    if ((*line)->too_long || !is_id(text) || ((*line)->whole && text.size() != kDigits)) {
      return Error(Errc::invalid_argument,
                   fmt::format("{} is no file of an import's --done: line {} is something else",
                               path, (*line)->number));
    }
    if (text.size() == kDigits && (*line)->whole) ++out.left_[text];
  }
  if (!reader && reader.error().code != Errc::not_found) return std::move(reader).error();
  auto file = LineWriter::append_to(path);
  if (!file) return std::move(file).error();
  out.file_ = *std::move(file);
  return out;
}

class Import {
 public:
  Import(Session& session, const ImportCommand& command, LineReader reader, Noted noted)
      : session_(session),
        globals_(session.globals()),
        command_(command),
        reader_(std::move(reader)),
        noted_(std::move(noted)),
        bulk_(session, "import", [this] { return part(); }) {}

  int run() {
    while (!bulk_.ending() && fill()) send();
    keep(noted_.sync());
    conclude();
    return bulk_.exit_code();
  }

 private:
  struct Pending {
    std::uint64_t number = 0;
    std::uint64_t bytes = 0;
    std::string id;
    bool named = false;
    bool unless_newer = false;
  };

  // Reads the next batch. False if there is none.
  bool fill() {
    batch_.clear();
    entries_ = Json::array();
    std::size_t bytes = 0;
    while (batch_.size() < kMostInputs && bytes < kBatchBytes) {
      if (!batch_.empty() && !reader_.ready()) break;  // who writes slowly need not wait for us
      const std::uint64_t before = reader_.consumed();
      auto line = reader_.next();
      if (!line) {
        bulk_.give_up(line.error().detail, kError);
        break;
      }
      if (bulk_.ending() || !*line) break;
      const std::size_t size = add(**line, reader_.consumed() - before);
      if (size == 0) finished_ += reader_.consumed() - before;
      bytes += size;
    }
    return !batch_.empty() && !bulk_.ending();
  }

  // Puts a line into the batch. What it weighs; 0: it is done with.
  std::size_t add(const Line& line, std::uint64_t bytes) {
    if (line.text.find_first_not_of(" \t\r") == std::string::npos && !line.too_long) return 0;
    Pending pending{line.number, bytes, noted_.id_of(line.text)};
    if (!line.too_long && noted_.take(pending.id)) {
      bulk_.skip();
      return 0;
    }
    auto read = line.too_long ? Result<EntryLine>(Error(Errc::too_large, "the line is too long"))
                              : parse_entry(line.text);
    if (read && read->entry.name && !globals_.bootstrap.empty() && globals_.key_file.empty()) {
      read = Error(Errc::invalid_argument,
                   "to set a name with --bootstrap an identity is needed: give --key FILE");
    }
    if (!read) {
      fail(pending, json_of(read.error()));
      return 0;
    }
    Entry* entry = &read->entry;
    if (command_.force) {
      entry->sequence.reset();
    } else if (read->expires) {
      const std::chrono::milliseconds left = *read->expires - UvLoop::wall_now();
      if (left <= std::chrono::milliseconds(0)) {
        pass_over(pending, expired_, "expired", "it expired at " + cli::show(*read->expires));
        return 0;
      }
      entry->ttl = std::min(left, Config().ttl_max);  // nobody keeps anything for longer
    }
    Json one = Json::object();
    if (entry->name) one["name"] = binary(view_of(*entry->name));
    one["value"] = binary(entry->value);
    if (entry->ttl) one["ttl_ms"] = static_cast<std::uint64_t>(entry->ttl->count());
    if (entry->sequence) one["sequence"] = *entry->sequence;
    pending.named = entry->name.has_value();
    pending.unless_newer = entry->sequence.has_value();
    entries_.push_back(std::move(one));
    batch_.push_back(std::move(pending));
    return entry->value.size() + (entry->name ? entry->name->size() : 0) + 64;
  }

  void send() {
    const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(globals_.timeout);
    const Json request = {{"op", "set_many"},
                          {"entries", std::exchange(entries_, Json())},
                          {"timeout_ms", static_cast<std::uint64_t>(timeout.count())},
                          {"at_once", command_.jobs},
                          {"accept_small", command_.accept_small},
                          {"replicas", globals_.json}};
    std::size_t unreachable = 0;
    bulk_.follow(
        request, [&](const Json& answer) { return take(answer, unreachable); },
        [this] { keep(noted_.write()); });
    keep(noted_.sync());
    if (unreachable == batch_.size()) {
      bulk_.give_up("no node of the network can be reached", kUnreachable);
    }
  }

  bool take(const Json& answer, std::size_t& unreachable) {
    const Pending& line = batch_.at(answer.at("index").get<std::size_t>());
    finished_ += line.bytes;
    if (answer.contains("error")) {
      if (exit_code_of(answer) == kUnreachable) ++unreachable;
      const Json& error = answer.at("error");
      // Of a conflict that left the value on some nodes nobody knows how it will end.
      const bool stored = error.contains("receipt") && error.at("receipt").at("durable") != 0;
      if (line.unless_newer && error.at("code") == "conflict" && !stored) {
        return pass_over(line, newer_, "newer", error.at("detail").get<std::string>());
      }
      return fail(line, answer);
    }
    noted_.add(line.id);
    if (answer.contains("not_set")) {
      ++unchanged_;
      return show(line, answer);
    }
    bulk_.done();
    bulk_.warn(answer);
    ++(line.named ? set_ : put_);
    return show(line, answer);
  }

  bool fail(const Pending& line, const Json& answer) {
    bulk_.fail(fmt::format("line {}", line.number), answer);
    return show(line, answer);
  }

  // A line that is right and yet not set.
  bool pass_over(const Pending& line, std::size_t& counter, const char* why,
                 const std::string& detail) {
    ++counter;
    if (globals_.verbose) {
      bulk_.clear();
      write_note(fmt::format("dht-cli: line {}: not set: {}", line.number, detail));
    }
    return show(line, {{"not_set", why}, {"detail", detail}});
  }

  // With --json every line has its answer.
  bool show(const Pending& line, const Json& answer) {
    if (!globals_.json) return true;
    Json out = {{"line", line.number}};
    for (const auto& [field, value] : answer.items()) {
      if (field != "index") out[field] = value;
    }
    return write(out);
  }
  bool write(const Json& json) {
    if (write_now(json)) return true;
    bulk_.give_up("cannot write to stdout", kError);
    return false;
  }

  void keep(const Result<void>& written) {
    if (!written) bulk_.give_up(written.error().detail, kError);
  }

  std::optional<double> part() const {
    const auto size = reader_.size();
    if (!size || *size == 0) return std::nullopt;
    return static_cast<double>(finished_) / static_cast<double>(*size);
  }

  void conclude() {
    bulk_.clear();
    if (globals_.json) {
      Json summary = {{"set", set_},
                      {"put", put_},
                      {"unchanged", unchanged_},
                      {"newer", newer_},
                      {"expired", expired_}};
      summary.update(bulk_.summary());
      write(summary);
    } else if (!globals_.quiet) {
      std::string line = fmt::format("{} set, {} put, {} failed, {} skipped", set_, put_,
                                     bulk_.failed(), bulk_.skipped());
      if (unchanged_ > 0) line += fmt::format(", {} unchanged", unchanged_);
      if (newer_ > 0) line += fmt::format(", {} older than what is known", newer_);
      if (expired_ > 0) line += fmt::format(", {} expired", expired_);
      write_line(fmt::format("{}; {}", line, bulk_.rate()));
    }
    if (newer_ + expired_ > 0 && !globals_.quiet) {
      fmt::print(stderr,
                 "dht-cli: import: {} were not set, being older than what is known or expired: -v "
                 "tells which, --force sets them\n",
                 newer_ + expired_);
    }
    if (!bulk_.ending()) return;
    if (command_.done.empty()) {
      fmt::print(stderr,
                 "dht-cli: import: ended early; the same command begins anew, with --done FILE it "
                 "would go on\n");
    } else {
      fmt::print(stderr,
                 "dht-cli: import: ended early; what is stored is noted in {}: the same command "
                 "goes on\n",
                 printable(command_.done));
    }
  }

  Session& session_;
  const Globals& globals_;
  const ImportCommand& command_;
  LineReader reader_;
  Noted noted_;
  std::vector<Pending> batch_;
  Json entries_;                // of the batch, as they are sent
  std::uint64_t finished_ = 0;  // bytes of the input
  std::size_t set_ = 0;
  std::size_t put_ = 0;
  std::size_t unchanged_ = 0;
  std::size_t newer_ = 0;  // than the line is what is known
  std::size_t expired_ = 0;
  Bulk bulk_;
};

}  // namespace

int run(Session& session, const ImportCommand& command) {
  const Globals& globals = session.globals();
  const auto input_error = [&](const Error& error) {
    const int code = *conclude(globals, json_of(error), "import");
    return code == kNotFound ? kError : code;  // a file that is not there is no record
  };
  auto reader = LineReader::open(command.file, kLongestLine, Interrupt::came);
  if (!reader) return input_error(reader.error());
  std::string whose;
  if (!command.done.empty()) {
    const Json status = session.call({{"op", "status"}});
    if (status.contains("error")) return *conclude(globals, status, "import");
    const bool nobody = !globals.bootstrap.empty() && globals.key_file.empty();
    whose = status.at("network").get<std::string>() + '\n' +
            (nobody ? "" : status.at("owner").get<std::string>()) + '\n';
  }
  auto noted = Noted::open(command.done, std::move(whose));
  if (!noted) return input_error(noted.error());
  return Import(session, command, *std::move(reader), *std::move(noted)).run();
}

}  // namespace kadmos::cli
