#include "cli/common/data_dir.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "cli/common/files.h"
#include "kadmos/config.h"
#include "kadmos/record.h"
#include "kadmos/uv.h"

namespace kadmos::cli {
namespace {

constexpr std::string_view kTitle = "kadmos identity 1 (keep this file secret)";
constexpr std::size_t kPeersBytes = 256 * 1024;
constexpr std::size_t kPeers = Limits().acquaintances;
constexpr std::string_view kProved = "proved=";
constexpr std::size_t kSumLine = 21;  // bytes of "sum", 16 digits, a space and the newline

Error damaged(const std::string& path, std::string_view how) {
  return Error(Errc::io,
               fmt::format("the key file {} is damaged ({}): restore it from a backup, or "
                           "move it away to get a new identity",
                           path, how));
}

// The next word of `text`, which goes on behind it. Without a copy, since it may be a secret.
std::string_view next_word(std::string_view& text) {
  constexpr std::string_view kSpace = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(kSpace));
  text.remove_prefix(word.size());
  return word;
}

Result<Identity> parse_identity(const std::string& path, std::string_view text) {
  const std::string_view title = text.substr(0, text.find('\n'));
  text.remove_prefix(title.size());
  const bool secret_follows = next_word(text) == "secret";
  const std::string_view secret = next_word(text);
  const bool public_follows = next_word(text) == "public";
  const std::string_view shown = next_word(text);
  if (title != kTitle || !secret_follows || !public_follows || !next_word(text).empty()) {
    return damaged(path, "not the three lines expected");
  }
  auto bytes = from_hex(secret);
  Seed seed{};
  if (!bytes || bytes->size() != seed.size()) return damaged(path, "the secret is not 64 digits");
  std::copy(bytes->begin(), bytes->end(), seed.begin());
  wipe(*bytes);
  Identity identity = Identity::guarded(seed);
  if (identity.public_key().hex() != shown) {
    return damaged(path, "the secret and the public key do not belong together");
  }
  return identity;
}

// "proved=1700000000"
std::optional<WallTime> time_in(std::string_view word) {
  if (!word.starts_with(kProved)) return std::nullopt;
  word.remove_prefix(kProved.size());
  std::uint32_t seconds = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), seconds);
  if (failed != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return WallTime(std::chrono::seconds(seconds));
}

// What a peers file ends with, after `lines`.
std::string sum_line(std::string_view lines) {
  return fmt::format("sum {}\n", content_key(view_of(lines)).hex().substr(0, 16));
}

struct PeersReader {
  void line(std::string_view text);
  std::vector<Acquaintance> peers;
  std::size_t lines = 0;
  std::size_t unusable = 0;  // lines, or words of them
  std::size_t too_many = 0;  // peers for which there is no room
};

void PeersReader::line(std::string_view text) {
  ++lines;
  const auto key = PublicKey::from_hex(next_word(text));
  bool clean = key.has_value();
  Acquaintance peer{{key.value_or(PublicKey()), {}}, {}};
  for (auto word = next_word(text); !word.empty(); word = next_word(text)) {
    const auto endpoint = Endpoint::parse(word);
    if (const auto proved = time_in(word)) {
      peer.proved = *proved;
    } else if (endpoint && endpoint->port != 0 && !endpoint->is_unspecified()) {
      peer.contact.endpoints.add(*endpoint);
    } else if (word.starts_with(kProved) || word.find('=') == std::string_view::npos) {
      clean = false;
    }
  }
  const bool found = key && !peer.contact.endpoints.empty();
  if (!found || !clean) ++unusable;
  if (found && peers.size() == kPeers) ++too_many;
  if (found && peers.size() < kPeers) peers.push_back(std::move(peer));
}

// As in RememberedPeers. `whole`: all of the file was read.
std::string damage_of(const std::string& path, const PeersReader& reader, bool whole) {
  std::string out = fmt::format("the file {} is not as it was written", path);
  if (!whole) out += fmt::format(", only its first {} bytes were read", kPeersBytes);
  if (reader.unusable > 0) {
    out += fmt::format(", {} of {} lines cannot be used", reader.unusable, reader.lines);
  }
  if (reader.too_many > 0) out += fmt::format(", {} peers are more than are kept", reader.too_many);
  if (whole && reader.unusable + reader.too_many == 0)
    out += " (damaged, or by an earlier version)";
  return out + fmt::format("; the {} peers that could be read are used", reader.peers.size());
}

}  // namespace

std::string default_data_dir() {
  if (const char* xdg = std::getenv("XDG_DATA_HOME"); xdg != nullptr && *xdg == '/') {
    return std::string(xdg) + "/kadmos";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return std::string(home) + "/.local/share/kadmos";
  }
  return ".kadmos";
}

std::string key_path(const std::string& data_dir) { return data_dir + "/identity.key"; }
std::string peers_path(const std::string& data_dir) { return data_dir + "/peers"; }
std::string records_path(const std::string& data_dir) { return data_dir + "/records.mdb"; }
std::string lock_path(const std::string& data_dir) { return data_dir + "/lock"; }
std::string control_path(const std::string& data_dir) { return data_dir + "/control.sock"; }

Result<Identity> load_identity(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 077) != 0) {
    return Error(Errc::io, fmt::format("the key file {} can be read by others: chmod 600 it, and "
                                       "consider whether its secret is still one",
                                       path));
  }
  auto content = read_file(path, 4096);
  if (!content) {
    if (content.error().code == Errc::too_large) return damaged(path, "too long");
    return std::move(content).error();
  }
  auto identity = parse_identity(path, text_of(*content));
  wipe(*content);
  return identity;
}

Result<Identity> create_identity(const std::string& path) {
  Identity identity = Identity::guarded(random_seed());
  std::string secret = to_hex(identity.seed());
  std::string text;
  text.reserve(4 * secret.size());  // so that it stays in one place, where it is wiped
  text.append(kTitle).append("\nsecret ").append(secret);
  text.append("\npublic ").append(identity.public_key().hex()).append("\n");
  const auto written = write_file(path, view_of(text), IfExists::fail);
  for (std::string* copy : {&secret, &text}) {
    wipe({reinterpret_cast<Byte*>(copy->data()), copy->size()});
  }
  if (!written) return written.error();
  return identity;
}

Result<RememberedPeers> load_peers(const std::string& path) {
  auto content = read_beginning(path, kPeersBytes);
  if (!content) return std::move(content).error();
  std::string_view text = text_of(content->bytes);
  if (!content->whole) text = text.substr(0, text.rfind('\n') + 1);  // not what was cut there
  const std::size_t lines = text.size() - std::min(text.size(), kSumLine);
  const bool as_written = content->whole && text.substr(lines) == sum_line(text.substr(0, lines));
  if (as_written) text = text.substr(0, lines);
  PeersReader reader;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    reader.line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  RememberedPeers out;
  if (!as_written || reader.unusable + reader.too_many > 0) {
    out.damage = damage_of(path, reader, content->whole);
  }
  out.peers = std::move(reader.peers);
  return out;
}

Result<void> save_peers(const std::string& path, const std::vector<Acquaintance>& peers) {
  std::string text;
  std::size_t count = 0;
  for (const auto& [peer, proved] : peers) {
    if (++count > kPeers) break;
    text += peer.key.hex();
    for (const Endpoint& endpoint : peer.endpoints) text += " " + endpoint.text();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(proved.time_since_epoch());
    text += fmt::format(" {}{}\n", kProved, seconds.count());
  }
  text += sum_line(text);
  return write_file(path, view_of(text), IfExists::replace);
}

}  // namespace kadmos::cli
