#include "kadmos/result.h"

#include <cstdio>
#include <cstdlib>

#include "kadmos/results.h"

namespace kadmos {

void detail::misused_result(const Error* error) {
  if (error != nullptr) {
    std::fprintf(stderr, "kadmos: value() of a result that is an error: %s (from %s:%u)\n",
                 error->text().c_str(), error->where.file,
                 static_cast<unsigned>(error->where.line));
  } else {
    std::fprintf(stderr, "kadmos: error() of a result that is none\n");
  }
  std::abort();
}

std::string_view name_of(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::too_large:
      return "too_large";
    case Errc::not_found:
      return "not_found";
    case Errc::timeout:
      return "timeout";
    case Errc::cancelled:
      return "cancelled";
    case Errc::closed:
      return "closed";
    case Errc::unreachable:
      return "unreachable";
    case Errc::refused:
      return "refused";
    case Errc::busy:
      return "busy";
    case Errc::quorum_not_met:
      return "quorum_not_met";
    case Errc::conflict:
      return "conflict";
    case Errc::verification_failed:
      return "verification_failed";
    case Errc::protocol:
      return "protocol";
    case Errc::storage_failed:
      return "storage_failed";
    case Errc::io:
      return "io";
    case Errc::address_in_use:
      return "address_in_use";
    case Errc::exception:
      return "exception";
  }
  return "unknown";
}

Error::Error() = default;
Error::Error(Errc c, std::string d, Where w) : code(c), detail(std::move(d)), where(w) {}
Error::Error(const Error&) = default;
Error::Error(Error&&) noexcept = default;
Error& Error::operator=(const Error&) = default;
Error& Error::operator=(Error&&) noexcept = default;
Error::~Error() = default;

Error&& Error::because(Error cause) && {
  causes.push_back(std::move(cause));
  return std::move(*this);
}

std::string Error::text() const {
  std::string out(name_of(code));
  if (!operation.empty()) out += ": " + operation;
  if (!detail.empty()) out += ": " + detail;
  for (const Error& cause : causes) out += ": because " + cause.text();
  // Details may quote a peer, who must not be able to break a line of a log or steer a terminal.
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return out;
}

}  // namespace kadmos
