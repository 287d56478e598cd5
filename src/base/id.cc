#include "kadmos/id.h"

#include <bit>
#include <cstring>

namespace kadmos {
namespace {

// Between a word as it lies in memory and the same big-endian.
std::uint64_t big_endian(std::uint64_t word) {
  return std::endian::native == std::endian::big ? word : __builtin_bswap64(word);
}

}  // namespace

// Here and in bytes() the words go where they stay: to copy them in larger pieces at once, the
// processor would have to wait for them.
std::optional<Id> Id::from_bytes(ByteView bytes) {
  std::optional<Id> out;
  if (bytes.size() != kBytes) return out;
  out.emplace();
  for (std::size_t i = 0; i < kWords; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + 8 * i, 8);
    out->words_[i] = big_endian(word);
  }
  return out;
}

std::optional<Id> Id::from_hex(std::string_view hex) {
  if (hex.size() != 2 * kBytes) return std::nullopt;
  const auto bytes = kadmos::from_hex(hex);
  return bytes ? from_bytes(*bytes) : std::nullopt;
}

ByteArray<Id::kBytes> Id::bytes() const {
  ByteArray<kBytes> out;
  for (std::size_t i = 0; i < kWords; ++i) {
    const std::uint64_t word = big_endian(words_[i]);
    std::memcpy(out.data() + 8 * i, &word, 8);
  }
  return out;
}

std::string Id::hex() const { return to_hex(bytes()); }

std::string Id::short_hex() const { return to_hex(ByteView(bytes()).first(6)); }

void Id::set_bit(int i, bool on) {
  const std::uint64_t mask = std::uint64_t{1} << (63 - i % 64);
  std::uint64_t& word = words_[static_cast<std::size_t>(i) / 64];
  word = on ? word | mask : word & ~mask;
}

Id Id::keep(int bits, bool rest) const {
  Id out = *this;
  for (std::size_t i = 0; i < kWords; ++i) {
    const int kept = bits - 64 * static_cast<int>(i);
    if (kept >= 64) continue;
    const std::uint64_t others = kept <= 0 ? ~std::uint64_t{0} : ~std::uint64_t{0} >> kept;
    out.words_[i] = rest ? out.words_[i] | others : out.words_[i] & ~others;
  }
  return out;
}

int shared_prefix(const Id& a, const Id& b) {
  const Id distance = a ^ b;
  int shared = 0;
  for (const std::uint64_t word : distance.words_) {
    shared += std::countl_zero(word);
    if (word != 0) break;
  }
  return shared;
}

bool closer(const Id& target, const Id& a, const Id& b) {
  for (std::size_t i = 0; i < target.words_.size(); ++i) {
    if (a.words_[i] == b.words_[i]) continue;
    return (a.words_[i] ^ target.words_[i]) < (b.words_[i] ^ target.words_[i]);
  }
  return false;
}

}  // namespace kadmos
