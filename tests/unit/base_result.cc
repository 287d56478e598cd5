#include <doctest/doctest.h>

#include <set>
#include <string>

#include "base/check.h"
#include "kadmos/results.h"
#include "kadmos/seams.h"
#include "support/aborts.h"

using namespace kadmos;

namespace {

// The names of the codes 0 to last, which must all be known and differ.
template <class E>
std::size_t distinct_names(E last) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(last); ++i) names.insert(name_of(static_cast<E>(i)));
  CHECK(!names.contains("unknown"));
  CHECK(name_of(static_cast<E>(static_cast<int>(last) + 1)) == "unknown");
  return names.size();
}

}  // namespace

TEST_CASE("every code has a name of its own") {
  CHECK(distinct_names(Errc::exception) == 17);
  CHECK(distinct_names(Outcome::invalid) == 11);
  CHECK(distinct_names(Unreachable::no_endpoint) == 8);
  CHECK(name_of(Errc::not_found) == "not_found");
  CHECK(name_of(Errc::quorum_not_met) == "quorum_not_met");
  CHECK(name_of(Outcome::durable) == "durable");
  CHECK(name_of(Unreachable::wrong_key) == "wrong_key");
}

TEST_CASE("an error tells its code and operation and detail and causes in one line") {
  CHECK(Error(Errc::closed, "").text() == "closed");
  Error error(Errc::not_found, "no node holds it");
  error.operation = "get 3f2a";
  CHECK(error.text() == "not_found: get 3f2a: no node holds it");
  const Error whole = std::move(error).because(Error(Errc::timeout, "peer a"));
  CHECK(whole.text() == "not_found: get 3f2a: no node holds it: because timeout: peer a");
}

TEST_CASE("an error that quotes a peer stays one line and steers no terminal") {
  CHECK(Error(Errc::refused,
              "no\nERROR \x1b[2J\x7f"
              "ja")
            .text() == "refused: no?ERROR ?[2J?ja");
  CHECK(Error(Errc::refused, "größer").text() == "refused: größer");
}

TEST_CASE("an error knows the line it came from") {
  const Error error(Errc::io, "disk");
  const auto line = static_cast<std::uint32_t>(__LINE__ - 1);
  CHECK(error.where.line == line);
  CHECK(std::string_view(error.where.file).ends_with("base_result.cc"));
}

TEST_CASE("an error copies and moves with what it carries") {
  Error error(Errc::quorum_not_met, "2 of 14");
  auto receipt = std::make_shared<Receipt>();
  receipt->durable = 2;
  error.receipt = receipt;
  error.asked.push_back(Asked{});
  Error copy = error;
  CHECK(copy.receipt->durable == 2);
  Error target;
  CHECK(target.code == Errc::invalid_argument);
  target = copy;
  CHECK(target.asked.size() == 1);
  target = std::move(copy);
  CHECK(target.detail == "2 of 14");
}

TEST_CASE("a result is its value or its error") {
  Result<std::string> good(std::string("yes"));
  CHECK(good.ok());
  CHECK(*good == "yes");
  CHECK(good->size() == 3);
  CHECK(std::as_const(good).value() == "yes");
  CHECK(std::move(good).value() == "yes");

  Result<std::string> bad(Error(Errc::busy, "later"));
  CHECK(!bad);
  CHECK(std::as_const(bad).error().code == Errc::busy);
  CHECK(std::move(bad).error().detail == "later");

  const Result<void> done;
  CHECK(done.ok());
  done.value();
  Result<void> failed(Error(Errc::io, "disk"));
  CHECK(!failed);
  CHECK(std::as_const(failed).error().detail == "disk");
  CHECK(std::move(failed).error().code == Errc::io);
}

TEST_CASE("asking a result for what it is not ends the program") {
  const Result<int> bad(Error(Errc::busy, "later"));
  CHECK(aborts([&] { (void)bad.value(); }));
  CHECK(!aborts([&] { (void)bad.error(); }));
  const Result<int> good(1);
  CHECK(aborts([&] { (void)good.error(); }));
  CHECK(!aborts([&] { (void)good.value(); }));
  const Result<void> done;
  CHECK(aborts([&] { (void)done.error(); }));
  const Result<void> failed(Error(Errc::io, "disk"));
  CHECK(aborts([&] { failed.value(); }));
}

TEST_CASE("a broken invariant ends the program and a kept one does not") {
  CHECK(aborts([] { check(false); }));
  CHECK(!aborts([] { check(true); }));
}
