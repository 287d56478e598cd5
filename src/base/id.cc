#include "kadmos/id.h"

#include <bit>

namespace kadmos {

std::optional<Id> Id::from_bytes(ByteView bytes) {
  if (bytes.size() != kBytes) return std::nullopt;
  Id id;
  for (std::size_t i = 0; i < kBytes; ++i) id.words_[i / 8] = id.words_[i / 8] << 8 | bytes[i];
  return id;
}

std::optional<Id> Id::from_hex(std::string_view hex) {
  if (hex.size() != 2 * kBytes) return std::nullopt;
  const auto bytes = kadmos::from_hex(hex);
  return bytes ? from_bytes(*bytes) : std::nullopt;
}

ByteArray<Id::kBytes> Id::bytes() const {
  ByteArray<kBytes> out{};
  for (std::size_t i = 0; i < kBytes; ++i) {
    out[i] = static_cast<Byte>(words_[i / 8] >> (56 - 8 * (i % 8)));
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
