// Errors as values. No exception crosses the public API; every failure says what failed, where in
// the code it began, and which peers had a part in it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "kadmos/where.h"

namespace kadmos {

struct Receipt;
struct Asked;

enum class Errc {
  invalid_argument,     // the caller's input; nothing was sent
  too_large,            // a value or name above its cap; nothing was sent
  not_found,            // no asked node holds it (which never proves absence)
  timeout,              // the deadline passed
  cancelled,            // the caller cancelled or dropped the future
  closed,               // the node is closing
  unreachable,          // no peer could be reached
  refused,              // a peer said no
  busy,                 // a bound was reached here or there; try again later
  quorum_not_met,       // fewer durable replicas than w; `receipt` says what each did
  conflict,             // a compare-and-set found another sequence
  verification_failed,  // a key, hash or signature did not fit
  protocol,             // bytes that are not ours
  storage_failed,       // the disk, not the network
  io,                   // files and sockets of this machine
  address_in_use,       // the port to listen on is taken
  exception,            // the user's own task threw; `detail` is its what()
};

// "not_found", … the spelling used in logs, JSON and documentation.
std::string_view name_of(Errc code);

struct Error {
  Errc code = Errc::invalid_argument;
  std::string detail;                      // a sentence: what failed and, if known, what to do
  std::string operation;                   // "get 3f2a…", empty below the level of operations
  std::shared_ptr<const Receipt> receipt;  // of a set or put that missed its quorum
  std::vector<Asked> asked;                // whom an operation asked, and what each did
  std::vector<Error> causes;               // what led to it, nearest first
  Where where = Where::here();

  Error();
  Error(Errc code, std::string detail, Where where = Where::here());
  Error(const Error&);
  Error(Error&&) noexcept;
  Error& operator=(const Error&);
  Error& operator=(Error&&) noexcept;
  ~Error();

  Error&& because(Error cause) &&;
  // One line: "not_found: get 3f2a…: no node holds it: because …".
  std::string text() const;
};

namespace detail {
// Ends the program, saying what was asked of which result. `error`: what it holds, if anything.
[[noreturn]] void misused_result(const Error* error);
}  // namespace detail

// A T or an Error. value() of an error, or error() of a value, is a programming error and ends the
// program.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & {
    if (!ok()) detail::misused_result(std::get_if<1>(&state_));
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    if (!ok()) detail::misused_result(std::get_if<1>(&state_));
    return *std::get_if<0>(&state_);
  }
  T&& value() && { return std::move(value()); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  Error& error() & {
    if (ok()) detail::misused_result(nullptr);
    return *std::get_if<1>(&state_);
  }
  const Error& error() const& {
    if (ok()) detail::misused_result(nullptr);
    return *std::get_if<1>(&state_);
  }
  Error&& error() && { return std::move(error()); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  void value() const {
    if (!ok()) detail::misused_result(&*error_);
  }
  Error& error() & {
    if (ok()) detail::misused_result(nullptr);
    return *error_;
  }
  const Error& error() const& {
    if (ok()) detail::misused_result(nullptr);
    return *error_;
  }
  Error&& error() && { return std::move(error()); }

 private:
  std::optional<Error> error_;
};

}  // namespace kadmos
