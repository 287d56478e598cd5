#include "cli/common/data_dir.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <charconv>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "cli/common/files.h"
#include "kadmos/config.h"
#include "kadmos/uv.h"

namespace kadmos::cli {
namespace {

constexpr std::string_view kTitle = "kadmos identity 1 (keep this file secret)";
constexpr std::size_t kPeersBytes = 256 * 1024;
constexpr std::size_t kPeers = Limits().acquaintances;
constexpr std::string_view kProved = "proved=";

Error damaged(const std::string& path, std::string_view how) {
  return Error(Errc::io,
               fmt::format("the key file {} is damaged ({}): restore it from a backup, or "
                           "move it away to get a new identity",
                           path, how));
}

Result<Identity> parse_identity(const std::string& path, std::string_view text) {
  std::istringstream lines{std::string(text)};
  std::string title, secret_word, secret, public_word, shown, more;
  std::getline(lines, title);
  lines >> secret_word >> secret >> public_word >> shown;
  if (title != kTitle || secret_word != "secret" || public_word != "public" || lines >> more) {
    return damaged(path, "not the three lines expected");
  }
  const auto bytes = from_hex(secret);
  Seed seed{};
  if (!bytes || bytes->size() != seed.size()) return damaged(path, "the secret is not 64 digits");
  std::copy(bytes->begin(), bytes->end(), seed.begin());
  Identity identity = Identity::from_seed(seed);
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
  auto content = read_file(path, 4096);
  if (!content) {
    if (content.error().code == Errc::too_large) return damaged(path, "too long");
    return std::move(content).error();
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    return Error(Errc::io, fmt::format("the key file {} can be read by others: chmod 600 it, and "
                                       "consider whether its secret is still one",
                                       path));
  }
  return parse_identity(path, text_of(*content));
}

Result<Identity> create_identity(const std::string& path) {
  Identity identity = Identity::from_seed(random_seed());
  const std::string text = fmt::format("{}\nsecret {}\npublic {}\n", kTitle,
                                       to_hex(identity.seed()), identity.public_key().hex());
  if (auto written = write_file(path, view_of(text), IfExists::fail); !written) {
    return std::move(written).error();
  }
  return identity;
}

Result<std::vector<Acquaintance>> load_peers(const std::string& path) {
  auto content = read_file(path, kPeersBytes);
  if (!content) return std::move(content).error();
  std::vector<Acquaintance> out;
  std::istringstream lines{std::string(text_of(*content))};
  std::string line;
  while (out.size() < kPeers && std::getline(lines, line)) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    const auto key = PublicKey::from_hex(word);
    if (!key) continue;
    Acquaintance peer{{*key, {}}, {}};
    while (words >> word) {
      if (const auto proved = time_in(word)) peer.proved = *proved;
      const auto endpoint = Endpoint::parse(word);
      if (endpoint && endpoint->port != 0 && !endpoint->is_unspecified()) {
        peer.contact.endpoints.add(*endpoint);
      }
    }
    if (!peer.contact.endpoints.empty()) out.push_back(std::move(peer));
  }
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
  return write_file(path, view_of(text), IfExists::replace);
}

}  // namespace kadmos::cli
