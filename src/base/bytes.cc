#include "kadmos/bytes.h"

namespace kadmos {
namespace {

std::optional<Byte> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<Byte>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<Byte>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<Byte>(c - 'A' + 10);
  return std::nullopt;
}

}  // namespace

std::string to_hex(ByteView bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const Byte byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::optional<Bytes> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  Bytes out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const auto high = digit(hex[i]);
    const auto low = digit(hex[i + 1]);
    if (!high || !low) return std::nullopt;
    out.push_back(static_cast<Byte>(*high << 4 | *low));
  }
  return out;
}

}  // namespace kadmos
