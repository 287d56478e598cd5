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

std::optional<Id> Id::from_bytes(ByteView bytes) {
  if (bytes.size() != kBytes) return std::nullopt;
  Id id;
  std::memcpy(id.words_.data(), bytes.data(), kBytes);
  for (std::uint64_t& word : id.words_) word = big_endian(word);
  return id;
}

std::optional<Id> Id::from_hex(std::string_view hex) {
  if (hex.size() != 2 * kBytes) return std::nullopt;
  const auto bytes = kadmos::from_hex(hex);
  return bytes ? from_bytes(*bytes) : std::nullopt;
}

ByteArray<Id::kBytes> Id::bytes() const {
  auto words = words_;
  for (std::uint64_t& word : words) word = big_endian(word);
  return std::bit_cast<ByteArray<kBytes>>(words);
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
