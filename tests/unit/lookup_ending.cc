// When a lookup is done, and what it says then.
#include <doctest/doctest.h>

#include "support/small_lookup.h"

using namespace kadmos;
using Names = SmallLookup::Names;

TEST_CASE("a lookup without candidates is done with nothing") {
  SmallLookup search({.width = 4, .alpha = 3});
  CHECK(search.lookup.done());
  CHECK(search.answered().empty());
  CHECK(search.lookup.hops() == 0);
  CHECK(search.lookup.asked() == 0);
}

TEST_CASE("a lookup is done when the width nearest candidates have answered") {
  SmallLookup search({.width = 2, .alpha = 2});
  search.add_all({1, 2, 3});
  search.ask();
  CHECK_FALSE(search.lookup.done());
  search.answer(2);
  CHECK_FALSE(search.lookup.done());
  search.answer(1);
  CHECK(search.lookup.done());
  CHECK(search.answered() == Names{1, 2});
  CHECK(search.lookup.answered_count() == 2);
}

TEST_CASE("a lookup is not done while a nearer candidate is unasked or may still answer") {
  SmallLookup search({.width = 1, .alpha = 1});
  search.add(5);
  search.ask();
  search.answer(5);
  CHECK(search.lookup.done());
  search.add(2, 2);
  CHECK_FALSE(search.lookup.done());
  search.ask();
  CHECK_FALSE(search.lookup.done());
  search.answer(2);
  CHECK(search.lookup.done());
  CHECK(search.answered(1) == Names{2});
}

TEST_CASE("a farther candidate that may still answer does not hold a lookup up") {
  SmallLookup search({.width = 1, .alpha = 2});
  search.add(2);
  CHECK(search.ask() == Names{2});
  search.add(1);
  CHECK(search.ask() == Names{1});
  search.answer(1);
  CHECK(search.lookup.done());
}

TEST_CASE("a lookup is done when everybody it can find has answered or failed") {
  SmallLookup search({.width = 4, .alpha = 3});
  search.add_all({1, 2});
  search.ask();
  search.answer(2);
  CHECK_FALSE(search.lookup.done());
  search.fail(1);
  CHECK(search.lookup.done());
  CHECK(search.answered() == Names{2});
}

TEST_CASE("a lookup is done with nothing when everybody failed") {
  SmallLookup search({.width = 4, .alpha = 3});
  search.add_all({1, 2});
  search.ask();
  search.fail(1);
  search.fail(2);
  CHECK(search.lookup.done());
  CHECK(search.lookup.answered_count() == 0);
}

TEST_CASE("a slow peer that is near holds a lookup up until it is given up") {
  SmallLookup search({.width = 2, .alpha = 3});
  search.add_all({1, 2, 3});
  search.ask();
  search.answer(2);
  CHECK_FALSE(search.lookup.done());
  search.slow(1);
  CHECK(search.ask() == Names{3});
  search.answer(3);
  CHECK_FALSE(search.lookup.done());
  SUBCASE("one by one") { search.give_up(1); }
  SUBCASE("with all who are slow") { search.lookup.give_up_slow(); }
  CHECK(search.lookup.done());
  CHECK(search.answered() == Names{2, 3});
}

TEST_CASE("a slow peer beyond those that are enough is not waited for") {
  SmallLookup search({.width = 2, .alpha = 4});
  search.add_all({4, 5});
  search.ask();
  search.add_all({1, 2});
  search.ask();
  search.slow(4);
  search.slow(5);
  search.answer_all({1, 2});
  CHECK(search.lookup.done());
}

TEST_CASE("in a later round a slow peer is replaced and not waited for") {
  SmallLookup search({.width = 2, .alpha = 3});
  search.add_all({1, 2, 3});
  search.ask();
  search.answer_all({1, 2});
  search.lookup.ask_again(2);
  CHECK(search.ask() == Names{1, 2});
  search.slow(1);
  CHECK(search.ask() == Names{3});
  search.answer_all({2, 3});
  CHECK(search.lookup.done());
}

TEST_CASE("who is doubted and near is asked when the searcher says so") {
  SmallLookup search({.width = 2, .alpha = 3});
  for (const std::uint8_t suspect : {1, 2, 5, 6}) search.add_suspect(suspect);
  search.add_all({10, 11, 12});
  search.answer_all(search.ask());
  REQUIRE(search.lookup.done());
  search.lookup.ask_doubted();
  CHECK_FALSE(search.lookup.done());
  CHECK(search.ask() == Names{1, 2});  // strangers: as many as the width
  search.silent(1);
  search.silent(2);
  search.lookup.ask_doubted();
  CHECK(search.lookup.done());
  SUBCASE("and all of those this node has reached before") {
    for (const std::uint8_t known : {3, 4, 7, 200}) {
      search.lookup.add(search.peer(known).ref(), 1, true, true);
    }
    search.lookup.ask_doubted();
    CHECK(search.ask() == Names{3, 4, 7});
    for (const std::uint8_t known : {3, 4, 7}) search.silent(known);
    CHECK(search.ask() == Names{12});  // 200 is no nearer than those that answered
    search.answer(12);
    CHECK(search.lookup.done());
  }
}

TEST_CASE("the late answer of a slow peer counts") {
  SmallLookup search({.width = 2, .alpha = 3});
  search.add_all({1, 2, 3});
  search.ask();
  search.slow(1);
  search.ask();
  search.answer(3);
  CHECK(search.answer(1) == 1);
  CHECK_FALSE(search.lookup.done());
  search.answer(2);
  CHECK(search.answered(2) == Names{1, 2});
}

TEST_CASE("with nobody heard at all a lookup waits for those that are slow") {
  SmallLookup search({.width = 2, .alpha = 3});
  search.add_all({1, 2});
  search.ask();
  search.slow(1);
  search.slow(2);
  CHECK_FALSE(search.lookup.done());
  SUBCASE("until one answers and the others are given up") {
    search.answer(1);
    CHECK_FALSE(search.lookup.done());
    search.give_up(2);
    CHECK(search.lookup.done());
    CHECK(search.answered() == Names{1});
  }
  SUBCASE("until all failed") {
    search.fail(1);
    CHECK_FALSE(search.lookup.done());
    search.fail(2);
    CHECK(search.lookup.done());
  }
}

TEST_CASE("a lookup is not done while suspects are left and too few answered") {
  SmallLookup search({.width = 2, .alpha = 1});
  search.add_suspect(1);
  search.add(2);
  search.ask();
  search.answer(2);
  CHECK_FALSE(search.lookup.done());
  CHECK(search.ask() == Names{1});
  search.fail(1);
  CHECK(search.lookup.done());
}

TEST_CASE("a wider width reopens a lookup that was done") {
  SmallLookup search({.width = 1, .alpha = 1});
  search.add_all({1, 2, 3});
  search.ask();
  search.answer(1);
  CHECK(search.lookup.done());
  search.lookup.set_width(3);
  CHECK(search.lookup.width() == 3);
  CHECK_FALSE(search.lookup.done());
  CHECK(search.ask() == Names{2, 3});
  search.answer(2);
  search.answer(3);
  CHECK(search.lookup.done());
}

TEST_CASE("an answer says how many hops away its peer is and later ones say nothing") {
  SmallLookup search({.width = 4, .alpha = 3});
  search.add(8, 1);
  search.ask();
  CHECK(search.answer(8) == 1);
  CHECK_FALSE(search.answer(8).has_value());
  search.add(4, 2);
  search.ask();
  CHECK(search.answer(4) == 2);
}

TEST_CASE("the answer of somebody who was not asked changes nothing") {
  SmallLookup search({.width = 4, .alpha = 1});
  search.add_all({1, 2});
  search.ask();
  CHECK_FALSE(search.answer(2).has_value());
  CHECK_FALSE(search.answer(9).has_value());
  search.slow(2);
  search.slow(9);
  search.fail(2);
  search.fail(9);
  CHECK(search.answered().empty());
  CHECK(search.ask().empty());  // 1 has its slot still
  search.answer(1);
  CHECK(search.ask() == Names{2});
}

TEST_CASE("a failure after the answer does not take the answer back") {
  SmallLookup search({.width = 4, .alpha = 1});
  search.add(1);
  search.ask();
  search.answer(1);
  search.fail(1);
  search.slow(1);
  CHECK(search.answered() == Names{1});
}

TEST_CASE("of those that are slow the verified ones are counted since they exist") {
  SmallLookup search({.width = 4, .alpha = 4});
  for (const std::uint8_t name : {1, 2, 3}) {
    const ContactHold contact(search.book, readable::contact(std::uint64_t{name} << 56));
    search.lookup.add(contact.ref(), 1, false, true);
  }
  search.add(4);  // hearsay
  search.ask();
  search.slow(1);
  search.slow(2);
  search.slow(4);
  CHECK(search.lookup.slow_count() == 2);
  search.answer(1);
  search.fail(2);
  CHECK(search.lookup.slow_count() == 0);
}

TEST_CASE("the hops of a lookup are those of the nearest that answered") {
  SmallLookup search({.width = 4, .alpha = 3});
  search.add(8, 1);
  search.ask();
  search.answer(8);
  CHECK(search.lookup.hops() == 1);
  search.add(4, 2);
  search.add(2, 3);
  search.ask();
  search.answer(2);
  search.fail(4);
  CHECK(search.lookup.hops() == 3);
}

TEST_CASE("answers are given nearest first and no more than wanted") {
  SmallLookup search({.width = 9, .alpha = 9});
  search.add_all({3, 1, 2});
  search.ask();
  search.answer_all({3, 2, 1});
  CHECK(search.answered() == Names{1, 2, 3});
  CHECK(search.answered(2) == Names{1, 2});
}
