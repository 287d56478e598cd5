#include "simulations/ledger.h"

#include <charconv>

#include "base/prng.h"

namespace kadmos::sim {

std::size_t Ledger::add(std::uint64_t seed) {
  Prng prng(seed);
  Seed secret{};
  for (Byte& byte : secret) byte = static_cast<Byte>(prng.next());
  Identity owner = Identity::from_seed(secret);
  std::string name = "name " + std::to_string(names_.size());
  const Key key = owned_key(owner.public_key(), view_of(name));
  names_.emplace_back(std::move(owner), key, std::move(name));
  return names_.size() - 1;
}

std::string Ledger::value_of(std::size_t name, std::uint32_t attempt, std::uint32_t bytes) {
  std::string value = std::to_string(name) + ":" + std::to_string(attempt) + ":";
  if (value.size() < bytes) value.resize(bytes, '.');
  return value;
}

bool Ledger::was_set(std::size_t name, ByteView value) const {
  const std::string_view text = text_of(value);
  const std::string prefix = std::to_string(name) + ":";
  if (!text.starts_with(prefix)) return false;
  std::uint32_t attempt = 0;
  const char* const begin = text.data() + prefix.size();
  const auto [end, failed] = std::from_chars(begin, text.data() + text.size(), attempt);
  return failed == std::errc() && attempt < names_[name].attempts &&
         text == value_of(name, attempt, static_cast<std::uint32_t>(text.size()));
}

}  // namespace kadmos::sim
