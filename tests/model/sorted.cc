// Sorted against a std::set: chunks small enough to split and unite all the time, and places of
// which every few have one tag.
#include "store/sorted.h"

#include <doctest/doctest.h>

#include <iterator>
#include <memory>
#include <set>
#include <vector>

#include "base/prng.h"

using namespace kadmos;

namespace {

struct Thing {
  std::uint64_t place = 0;
};
template <bool grows_at_end>
struct Order {
  using Place = std::uint64_t;
  static constexpr bool kGrowsAtEnd = grows_at_end;
  static Place place_of(const Thing& thing) { return thing.place; }
  static std::uint64_t tag_of(Place place) { return place / 8; }
};
constexpr std::uint64_t kPlaces = 1000;

template <std::size_t kMost, bool grows_at_end>
class Model {
 public:
  using Tested = Sorted<std::unique_ptr<Thing>, Order<grows_at_end>, kMost>;
  using Iterator = typename Tested::Iterator;

  explicit Model(std::uint64_t seed) : prng_(seed) {}

  void insert(std::uint64_t place) {
    if (model_.insert(place).second) tested_.insert(std::make_unique<Thing>(Thing{place}));
  }
  void erase(std::uint64_t place) {
    const Iterator it = tested_.find(place);
    REQUIRE((it != tested_.end()) == (model_.erase(place) > 0));
    if (it == tested_.end()) return;
    CHECK(tested_.erase(it)->place == place);
  }
  void compare() {
    REQUIRE(tested_.size() == model_.size());
    REQUIRE(tested_.empty() == model_.empty());
    std::vector<std::uint64_t> all;
    for (const Thing& thing : tested_) all.push_back(thing.place);
    REQUIRE(all == std::vector(model_.begin(), model_.end()));
    std::vector<std::uint64_t> backwards;
    for (Iterator it = tested_.end(); it != tested_.begin();) backwards.push_back((--it)->place);
    REQUIRE(backwards == std::vector(model_.rbegin(), model_.rend()));
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t place = any();
      REQUIRE(at(tested_.lower_bound(place)) == at(model_.lower_bound(place)));
      REQUIRE(at(tested_.upper_bound(place)) == at(model_.upper_bound(place)));
      REQUIRE(at(tested_.find(place)) == at(model_.find(place)));
      compare_between(place);
    }
  }
  std::uint64_t any() { return prng_.below(kPlaces); }
  Prng& prng() { return prng_; }

 private:
  // Its place; kPlaces at the end.
  std::uint64_t at(const Iterator& it) const { return it == tested_.end() ? kPlaces : it->place; }
  std::uint64_t at(const std::set<std::uint64_t>::const_iterator& it) const {
    return it == model_.end() ? kPlaces : *it;
  }
  void compare_between(std::uint64_t place) {
    const auto found = model_.lower_bound(place);
    if (found == model_.begin() || found == model_.end()) return;
    auto first = std::prev(found);
    auto last = found;
    for (std::uint64_t i = prng_.below(10); i > 0 && first != model_.begin(); --i) --first;
    for (std::uint64_t i = prng_.below(10); i > 0 && std::next(last) != model_.end(); --i) ++last;
    REQUIRE(at(tested_.lower_bound(place, tested_.find(*first), tested_.find(*last))) == *found);
  }

  Prng prng_;
  Tested tested_;
  std::set<std::uint64_t> model_;
};

// Grows and shrinks in turn, at random places and then from one side.
template <std::size_t kMost, bool grows_at_end>
void run(std::uint64_t seed) {
  Model<kMost, grows_at_end> model(seed);
  for (int turn = 0; turn < 6; ++turn) {
    for (const std::uint64_t chance : {800'000, 200'000}) {
      for (int i = 0; i < 1000; ++i) {
        const std::uint64_t place = model.any();
        model.prng().chance(chance) ? model.insert(place) : model.erase(place);
        if (i % 20 == 0) model.compare();
      }
    }
    const bool descending = turn % 2 == 1;
    const auto nth = [&](std::uint64_t i) { return descending ? kPlaces - 1 - i : i; };
    for (std::uint64_t i = 0; i < kPlaces; ++i) {
      model.insert(nth(i));
      if (i % 20 == 0) model.compare();
    }
    for (std::uint64_t i = 0; i < kPlaces; ++i) {
      model.erase(nth(i));
      if (i % 20 == 0) model.compare();
    }
    model.compare();
  }
}

}  // namespace

TEST_CASE("what is kept sorted in chunks is found and listed as in a set") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    run<4, false>(seed);
    run<8, true>(seed);
    run<64, false>(seed);
    run<64, true>(seed);
  }
}
