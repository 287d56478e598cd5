// Whom a lookup asks, and how many at once.
#include <doctest/doctest.h>

#include "support/small_lookup.h"

using namespace kadmos;
using Names = SmallLookup::Names;

namespace {

// Two peers have answered and named nobody yet; one will turn out a liar.
struct TwoNamers : SmallLookup {
  TwoNamers() : SmallLookup({.width = 9, .alpha = 1}) {
    add(20);
    add(21);
    ask();
    honest = *lookup.on_answer(peer(20).ref());
    CHECK(ask() == Names{21});
    liar = *lookup.on_answer(peer(21).ref());
  }
  // They are asked one after the other, in vain.
  void find_dead(const Names& names) {
    for (const int name : names) {
      CHECK(ask() == Names{name});
      fail(static_cast<std::uint8_t>(name));
    }
  }
  Lookup::Namer honest;
  Lookup::Namer liar;
};

// Those below 16 are near.
struct OneFirst : SmallLookup {
  explicit OneFirst(const Names& names) : SmallLookup({.width = 4, .alpha = 2}) {
    lookup.ask_one_first(4);
    for (const int name : names) add_verified(static_cast<std::uint8_t>(name));
  }
};

}  // namespace

TEST_CASE("a lookup asks the nearest alpha candidates at once") {
  SmallLookup search({.width = 4, .alpha = 2});
  search.add_all({5, 1, 4, 2});
  CHECK(search.ask() == Names{1, 2});
  CHECK(search.ask().empty());
  CHECK(search.lookup.asked() == 2);
}

TEST_CASE("where one is to be asked first nobody else is until it answers, is slow or fails") {
  OneFirst answered({1, 2, 3, 200});
  CHECK(answered.ask() == Names{1});
  CHECK(answered.ask().empty());
  answered.answer(1);
  CHECK(answered.ask() == Names{2, 3, 200});
  OneFirst slow({1, 2, 3, 200});
  CHECK(slow.ask() == Names{1});
  slow.lookup.on_slow(slow.peer(1).ref());
  CHECK(slow.ask() == Names{2, 3});
  OneFirst failed({1, 2, 3, 200});
  CHECK(failed.ask() == Names{1});
  failed.fail(1);
  CHECK(failed.ask() == Names{2, 3});
}

TEST_CASE(
    "candidates that are far from the target are asked alpha at once until a near one is named") {
  OneFirst search({200, 201, 202});
  CHECK(search.ask() == Names{200, 201});
  search.answer(200);
  search.add_verified(1);
  search.add_verified(2);
  CHECK(search.ask() == Names{1});
  search.answer(201);
  CHECK(search.ask().empty());
}

TEST_CASE("whom this node only heard of is not asked alone") {
  OneFirst search({});
  search.add_all({1, 2, 3});
  CHECK(search.ask() == Names{1, 2});
}

TEST_CASE("an answer frees its slot for the next nearest candidate") {
  SmallLookup search({.width = 4, .alpha = 2});
  search.add_all({1, 2, 3, 4});
  search.ask();
  search.answer(2);
  CHECK(search.ask() == Names{3});
}

TEST_CASE("candidates that an answer names are asked before farther ones") {
  SmallLookup search({.width = 4, .alpha = 1});
  search.add_all({8, 9});
  CHECK(search.ask() == Names{8});
  search.answer(8);
  search.add(3, 2);
  CHECK(search.ask() == Names{3});
}

TEST_CASE(
    "the closing phase asks all that the width lacks when the nearest candidate has answered") {
  SmallLookup search({.width = 4, .alpha = 1});
  search.add_all({1, 2, 3, 4, 5, 6});
  CHECK(search.ask() == Names{1});
  search.answer(1);
  CHECK(search.ask() == Names{2, 3, 4});
}

TEST_CASE("a farther answer does not open the closing phase") {
  SmallLookup search({.width = 4, .alpha = 2});
  search.add_all({1, 2, 3, 4, 5});
  search.ask();
  search.answer(2);
  CHECK(search.ask() == Names{3});
}

TEST_CASE("a nearer candidate ends the closing phase") {
  SmallLookup search({.width = 4, .alpha = 1});
  search.add_all({4, 5, 6, 7, 8});
  search.ask();
  search.answer(4);
  CHECK(search.ask() == Names{5, 6, 7});
  search.answer(5);
  search.add(2, 2);
  CHECK(search.ask().empty());  // two wait, more than alpha
  search.answer(6);
  search.answer(7);
  CHECK(search.ask() == Names{2});
}

TEST_CASE("the closing phase looks past candidates that failed or are slow") {
  SmallLookup search({.width = 4, .alpha = 2});
  search.add_all({1, 2, 3, 4, 5, 6, 7});
  search.ask();
  search.fail(1);
  CHECK(search.ask() == Names{3});
  search.slow(2);
  CHECK(search.ask() == Names{4});
  search.answer(3);
  CHECK(search.ask() == Names{5, 6, 7});  // four in place of four, and one for two that are gone
}

TEST_CASE("for every two that are gone one more is asked than the width lacks") {
  SmallLookup search({.width = 2, .alpha = 6});
  search.add_all({1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(search.ask() == Names{1, 2});
  search.fail(1);
  CHECK(search.ask() == Names{3});
  search.slow(2);
  CHECK(search.ask() == Names{4, 5});
  search.answer(3);
  search.answer(4);
  search.give_up(2);
  CHECK(search.ask().empty());
  CHECK(search.lookup.done());  // and the one more is not waited for
}

TEST_CASE("the closing phase asks no more at once than it is allowed") {
  SmallLookup search({.width = 4, .alpha = 1, .closing_alpha = 2});
  search.add_all({1, 2, 3, 4, 5, 6});
  CHECK(search.ask() == Names{1});
  search.answer(1);
  CHECK(search.ask() == Names{2, 3});
  search.answer(2);
  CHECK(search.ask() == Names{4});
}

TEST_CASE("no more are asked at once than the width lacks however many alpha allows") {
  SmallLookup search({.width = 1, .alpha = 3});
  search.add_all({1, 2, 3, 4});
  CHECK(search.ask() == Names{1});
  search.fail(1);
  CHECK(search.ask() == Names{2});
}

TEST_CASE("a slow peer frees its slot") {
  SmallLookup search({.width = 4, .alpha = 2});
  search.add_all({1, 2, 3, 4});
  search.ask();
  search.slow(1);
  CHECK(search.ask() == Names{3});
  search.slow(1);  // once slow is slow
  CHECK(search.ask().empty());
}

TEST_CASE("a slow peer that fails frees no second slot") {
  SmallLookup search({.width = 4, .alpha = 2});
  search.add_all({1, 2, 3, 4});
  search.ask();
  search.slow(1);
  search.ask();
  search.fail(1);
  CHECK(search.ask().empty());
}

TEST_CASE("a slow peer that answers frees no second slot") {
  SmallLookup search({.width = 9, .alpha = 2});
  search.add_all({1, 2, 3, 4, 5});
  search.ask();
  search.slow(2);
  CHECK(search.ask() == Names{3});
  search.answer(2);
  CHECK(search.ask().empty());
}

TEST_CASE("a failed peer frees its slot and is not asked again") {
  SmallLookup search({.width = 4, .alpha = 1});
  search.add_all({1, 2});
  search.ask();
  search.fail(1);
  CHECK(search.ask() == Names{2});
  search.fail(2);
  search.add(1);  // others still speak of it
  CHECK(search.ask().empty());
}

TEST_CASE("a suspect is asked only when nobody else is left to ask") {
  SmallLookup search({.width = 4, .alpha = 2});
  search.add_suspect(1);
  search.add_all({2, 3, 4});
  CHECK(search.ask() == Names{2, 3});
  search.answer(2);
  CHECK(search.ask() == Names{4, 1});
}

TEST_CASE("suspects are asked from the nearest and no more than the width lacks") {
  SmallLookup search({.width = 2, .alpha = 3});
  search.add_suspect(3);
  search.add_suspect(1);
  search.add_suspect(2);
  CHECK(search.ask() == Names{1, 2});
  search.fail(1);
  CHECK(search.ask() == Names{3});
}

TEST_CASE("a suspect is not asked while enough others may still answer") {
  SmallLookup search({.width = 2, .alpha = 3});
  search.add_suspect(1);
  search.add_all({2, 3});
  CHECK(search.ask() == Names{2, 3});
  search.answer(2);
  CHECK(search.ask().empty());
  search.slow(3);
  CHECK(search.ask() == Names{1});
}

TEST_CASE("a suspect is not asked when enough others answered") {
  SmallLookup search({.width = 2, .alpha = 3});
  search.add_suspect(1);
  search.add_all({2, 3});
  search.answer_all(search.ask());
  CHECK(search.ask().empty());
  CHECK(search.lookup.done());
}

TEST_CASE("a suspect does not keep the closing phase from opening") {
  SmallLookup search({.width = 4, .alpha = 1});
  search.add_suspect(1);
  search.add_all({2, 3, 4, 5});
  search.ask();
  search.answer(2);
  CHECK(search.ask() == Names{3, 4, 5});
}

TEST_CASE("nobody is asked beyond the width that answered or may yet") {
  SmallLookup search({.width = 2, .alpha = 3});
  search.add_all({1, 2, 3, 4, 5});
  CHECK(search.ask() == Names{1, 2});
  search.answer(1);
  CHECK(search.ask().empty());
  SUBCASE("until one of those is slow") {
    search.slow(2);
    CHECK(search.ask() == Names{3});
  }
  SUBCASE("and not when all of those answered") {
    search.answer(2);
    CHECK(search.ask().empty());
  }
}

TEST_CASE("a lookup never asks its own node") {
  SmallLookup search({.width = 4, .alpha = 3});
  search.add(0xff);
  CHECK(search.ask().empty());
  CHECK(search.lookup.done());
}

TEST_CASE("a candidate named many times is asked once") {
  SmallLookup search({.width = 4, .alpha = 3});
  search.add_all({1, 1, 1});
  CHECK(search.ask() == Names{1});
  search.add(1);
  search.add(1, 2, false, 4001);  // elsewhere, while the first is being asked
  CHECK(search.ask().empty());
  search.answer(1);
  search.add(1, 2, false, 4001);
  CHECK(search.ask().empty());
  CHECK(search.lookup.asked() == 1);
}

TEST_CASE("a peer that failed is tried once more under other endpoints") {
  SmallLookup search({.width = 4, .alpha = 3});
  search.add(1);
  search.ask();
  search.fail(1);
  search.add(1, 2, false, 4001);
  const auto again = search.lookup.next();
  REQUIRE(again);
  CHECK(search.book.contact(*again).endpoints.front().port == 4001);
  search.fail(1);
  search.add(1, 2, false, 4002);
  CHECK(search.ask().empty());
  CHECK(search.lookup.asked() == 2);
}

TEST_CASE("a full shortlist gives up the farthest it has not asked for a nearer one") {
  SmallLookup search({.width = 4, .alpha = 1, .max = 3});
  search.add_all({4, 5, 6});
  search.add(1);  // 6 goes
  search.add(7);  // too far
  Names asked;
  for (Names now = search.ask(); !now.empty(); now = search.ask()) {
    asked.insert(asked.end(), now.begin(), now.end());
    search.fail(static_cast<std::uint8_t>(now.front()));
  }
  CHECK(asked == Names{1, 4, 5});
}

TEST_CASE("a full shortlist never forgets whom it asked") {
  SmallLookup search({.width = 4, .alpha = 3, .max = 2});
  search.add_all({5, 6});
  CHECK(search.ask() == Names{5, 6});
  search.add(1);
  CHECK(search.ask().empty());
  CHECK(search.answer(6).has_value());
  CHECK(search.answer(5).has_value());
}

TEST_CASE("a lookup keeps the contacts it knows alive and lets them go with itself") {
  ContactBook book{readable::id_of_key};
  {
    Lookup lookup(readable::id(0), readable::id(0xff), {}, book);
    const ContactHold contact(book, readable::contact(std::uint64_t{1} << 56));
    lookup.add(contact.ref(), 1, false);
    CHECK(book.size() == 1);
    lookup.next();
  }
  CHECK(book.size() == 0);
}

TEST_CASE("whom a peer named is asked last once three strangers it named are silent") {
  SmallLookup search({.width = 4, .alpha = 1});
  search.add(20);
  search.add(21);
  search.ask();
  search.answer_naming(20, {1, 2, 3, 4, 5});
  for (const int silent : {1, 2, 3}) {
    CHECK(search.ask() == Names{silent});
    search.silent(static_cast<std::uint8_t>(silent));
  }
  // 20 is the nearest that counts now, so this is the closing phase: 21, and the others only
  // because the width lacks them.
  CHECK(search.ask() == Names{21, 4});
  CHECK_FALSE(search.lookup.done());
}

TEST_CASE("whom somebody else named too is asked though one namer is not believed") {
  TwoNamers search;
  for (const int name : {1, 2, 3, 4, 5}) search.named(name, search.liar);
  SUBCASE("named by the liar first") {
    search.add(10);
    CHECK(search.ask() == Names{1});
    search.silent(1);
    CHECK(search.ask() == Names{2});
    search.silent(2);
    CHECK(search.ask() == Names{3});
    search.named(5, search.honest);
    search.silent(3);
    CHECK(search.ask() == Names{5});
    search.silent(5);
    CHECK(search.ask() == Names{10});
  }
  SUBCASE("or afterwards") {
    search.find_dead({1, 2, 3});
    search.named(4, search.honest);
    CHECK(search.ask() == Names{4});
  }
}

TEST_CASE("a peer is believed as long as those it named answer about as often as not") {
  SmallLookup search({.width = 9, .alpha = 1});
  search.add(20);
  search.ask();
  search.answer_naming(20, {1, 2, 3, 4, 5, 6});
  search.ask();
  search.silent(1);
  search.ask();
  search.silent(2);
  search.ask();
  search.silent(3);  // one silence too many
  search.add(10);
  search.answer(2);  // it was there after all
  CHECK(search.ask() == Names{4, 5, 6, 10});
}

TEST_CASE("a late answer speaks for its namers as one in time would have") {
  SmallLookup search({.width = 9, .alpha = 1, .closing_alpha = 1});
  search.add(20);
  search.ask();
  search.answer_naming(20, {1, 2, 3, 4, 5});
  for (const std::uint8_t name : {1, 2}) {
    CHECK(search.ask() == Names{name});
    search.silent(name);
  }
  search.answer(2);  // so one is silent and one there
  for (const std::uint8_t name : {3, 4}) {
    CHECK(search.ask() == Names{name});
    search.silent(name);
  }
  search.add(10);
  CHECK(search.ask() == Names{5});  // three are silent, less one that is there
}

TEST_CASE("those this node has verified are not held against whoever names them") {
  SmallLookup search({.width = 9, .alpha = 1});
  search.add(20);
  CHECK(search.ask() == Names{20});
  for (const std::uint8_t name : {1, 2, 3}) {
    const ContactHold contact(search.book, readable::contact(std::uint64_t{name} << 56));
    search.lookup.add(contact.ref(), 1, false, true);
  }
  search.answer_naming(20, {1, 2, 3, 4});
  search.add(10);
  for (const int known : {1, 2, 3}) {
    CHECK(search.ask() == Names{known});
    search.silent(static_cast<std::uint8_t>(known));
  }
  CHECK(search.ask() == Names{4});
}

TEST_CASE("a peer does not answer for endpoints that another named") {
  TwoNamers search;
  for (const int name : {1, 2, 3, 4}) search.named(name, search.liar, 4001);
  for (const int name : {1, 2, 3, 5}) search.named(name, search.honest);
  search.add(10);
  search.find_dead({1, 2, 3});
  CHECK(search.ask() == Names{5});  // 4 is doubted, 5 is not
}

TEST_CASE("endpoints that a believed peer names replace those of liars") {
  TwoNamers search;
  for (const int name : {1, 2, 3, 4}) search.named(name, search.liar, 4001);
  search.find_dead({1, 2, 3});
  for (const int name : {3, 4}) search.named(name, search.honest);
  CHECK(search.ask() == Names{3});  // once more, elsewhere
  search.answer(3);
  const auto next = search.lookup.next();
  REQUIRE(next);
  CHECK(search.book.contact(*next) == readable::contact(std::uint64_t{4} << 56));
}

TEST_CASE("whom this node has reached itself is asked where it was reached") {
  SmallLookup search({.width = 9, .alpha = 1});
  search.add(20);
  search.ask();
  const auto namer = search.lookup.on_answer(search.peer(20).ref());
  search.named(1, *namer, 4001);
  const ContactHold reached(search.book, readable::contact(std::uint64_t{1} << 56));
  search.lookup.add(reached.ref(), 1, false, true);
  CHECK(search.lookup.next() == reached.ref());
}

TEST_CASE("in the next round those that answered are asked again, all at once and nearest first") {
  SmallLookup search({.width = 2, .alpha = 1});
  search.add_all({1, 2, 3, 4, 5});
  search.ask();
  search.answer(1);
  search.ask();
  search.answer(2);
  REQUIRE(search.lookup.done());
  search.lookup.ask_again(4);
  CHECK_FALSE(search.lookup.done());
  CHECK(search.ask() == Names{1, 2, 3, 4});
  for (const int name : {1, 2, 3}) search.answer(static_cast<std::uint8_t>(name));
  CHECK_FALSE(search.lookup.done());
  search.answer(4);
  CHECK(search.lookup.done());
  CHECK(search.lookup.hops() == 1);
}

TEST_CASE("in the next round one that fails is replaced by one") {
  SmallLookup search({.width = 2, .alpha = 2});
  search.add_all({1, 2, 3, 4, 5, 6});
  search.ask();
  search.answer(1);
  search.answer(2);
  search.lookup.ask_again(3);
  CHECK(search.ask() == Names{1, 2, 3});
  search.fail(1);
  CHECK(search.ask() == Names{4});
  search.lookup.on_slow(search.peer(2).ref());
  CHECK(search.ask() == Names{5});
  CHECK(search.ask().empty());
}

TEST_CASE("in the next round nearer ones that are named are asked too") {
  SmallLookup search({.width = 1, .alpha = 1});
  search.add_all({4, 8});
  search.ask();
  search.answer(4);
  search.lookup.ask_again(2);
  CHECK(search.ask() == Names{4, 8});
  search.answer(8);
  search.add(6);
  CHECK(search.ask() == Names{6});
  search.add(9);
  CHECK(search.ask().empty());
  search.answer(4);
  CHECK_FALSE(search.lookup.done());
  search.answer(6);
  CHECK(search.lookup.done());
}

TEST_CASE("whoever is still asked for what went before follows when it has answered") {
  SmallLookup search({.width = 1, .alpha = 3});
  search.add_all({1, 2, 3});
  search.lookup.set_width(3);
  search.ask();
  search.lookup.on_slow(search.peer(2).ref());
  search.answer(1);
  search.lookup.ask_again(3);
  CHECK(search.lookup.awaits(search.peer(2).ref()) == false);
  CHECK(search.ask() == Names{1});
  CHECK(search.lookup.awaits(search.peer(1).ref()));
  search.answer(2);  // late, and to the first request
  search.answer(3);
  CHECK(search.lookup.answered_count() == 0);
  CHECK(search.ask() == Names{2, 3});
}

TEST_CASE("where two near nodes are enough a lookup is done when two have answered") {
  SmallLookup search({.width = 2, .alpha = 3});
  search.lookup.end_near(4, 2);  // those below 16
  search.add_all({4, 8, 200});
  CHECK(search.ask() == Names{4, 8});
  search.answer(8);
  CHECK_FALSE(search.lookup.done());
  search.add(1);
  CHECK(search.ask() == Names{1});
  search.answer(4);
  CHECK(search.lookup.done());  // though 1 is nearer
  CHECK(search.ask().empty());
  CHECK_FALSE(search.lookup.ran_dry());
  search.lookup.ask_again(3);
  CHECK_FALSE(search.lookup.done());
}

TEST_CASE("where nobody is near a lookup that could end there ends as all do") {
  SmallLookup far({.width = 2, .alpha = 3});
  far.lookup.end_near(4, 2);
  far.add_all({200, 201});
  far.ask();
  far.answer(200);
  CHECK_FALSE(far.lookup.done());
  far.answer(201);
  CHECK(far.lookup.done());
}

TEST_CASE("nodes that were heard or are known exist, whatever becomes of them") {
  SmallLookup search({.width = 4, .alpha = 4});
  search.add_verified(1);
  search.add_verified(2);
  search.add(3);
  search.add(4);
  search.ask();
  CHECK(search.lookup.existing_count() == 0);
  CHECK(search.lookup.possible_count() == 4);
  search.lookup.on_slow(search.peer(1).ref());
  search.lookup.on_slow(search.peer(3).ref());
  search.fail(1);
  search.fail(2);
  search.fail(3);
  CHECK(search.lookup.existing_count() == 1);
  search.lookup.on_failed(search.peer(4).ref(), true);
  CHECK(search.lookup.existing_count() == 2);
  CHECK(search.lookup.possible_count() == 2);
}
