#include "kadmos/contact.h"

namespace kadmos {

bool Endpoints::add(const Endpoint& endpoint) {
  for (const Endpoint& present : *this) {
    if (present.is_v4() == endpoint.is_v4()) return false;
  }
  list_[size_++] = endpoint;
  if (size_ == 2 && list_[1].is_v4()) std::swap(list_[0], list_[1]);
  return true;
}

std::string Contact::text() const {
  std::string out = to_hex(ByteView(key.bytes).first(6));
  if (!endpoints.empty()) out += "@" + endpoints.front().text();
  return out;
}

}  // namespace kadmos
