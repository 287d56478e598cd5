#include "simulations/ledger.h"

#include <charconv>

#include "base/prng.h"
#include "kadmos/record.h"

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

std::string Ledger::fault_in(std::size_t name, const Record& record,
                             std::string_view network) const {
  if (auto valid = verify(record, names_[name].key, network); !valid) return valid.error().detail;
  const std::string_view text = text_of(record.value);
  const std::string prefix = std::to_string(name) + ":";
  std::uint32_t attempt = 0;
  const auto was_set = [&] {
    if (!text.starts_with(prefix)) return false;
    const auto [end, failed] =
        std::from_chars(text.data() + prefix.size(), text.data() + text.size(), attempt);
    return failed == std::errc() && attempt < names_[name].attempts &&
           text == value_of(name, attempt, static_cast<std::uint32_t>(text.size()));
  };
  return was_set() ? "" : "a value that was never set";
}

}  // namespace kadmos::sim
