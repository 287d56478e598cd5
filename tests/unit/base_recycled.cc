#include <doctest/doctest.h>

#include <memory>
#include <thread>

#include "base/recycled.h"

namespace kadmos {
namespace {

TEST_CASE("memory given back is used again for what is of about its size" *
          doctest::skip(!detail::kRecycles)) {
  const void* first = nullptr;
  {
    const RecycledVector<int> numbers(100, 1);
    first = numbers.data();
  }
  const RecycledVector<char> letters(300, 'x');
  CHECK(static_cast<const void*>(letters.data()) == first);
  const RecycledVector<char> others(300, 'y');
  CHECK(static_cast<const void*>(others.data()) != first);
  const RecycledVector<char> larger(600, 'z');
  CHECK(static_cast<const void*>(larger.data()) != first);
}

TEST_CASE("recycled containers of any size hold what they were given") {
  for (std::size_t size = 1; size < 100'000; size = size * 3 / 2 + 1) {
    RecycledVector<std::size_t> numbers;
    RecycledMap<std::size_t, std::size_t> squares;
    for (std::size_t i = 0; i < size; ++i) numbers.push_back(i);
    for (std::size_t i = 0; i < size && i < 3000; ++i) squares.emplace(i, i * i);
    bool same = true;
    for (std::size_t i = 0; i < size; ++i) same = same && numbers[i] == i;
    for (const auto& [number, square] : squares) same = same && square == number * number;
    CHECK(same);
  }
}

TEST_CASE("a thread that ends frees what it kept and what another made can end in it") {
  RecycledList<int> made_here(1000, 7);
  std::thread([&made_here] {
    const RecycledList<int> gone = std::move(made_here);
    CHECK(gone.size() == 1000);
    thread_local RecycledList<int> outlives_the_shelves(3, 1);
    CHECK(outlives_the_shelves.size() == 3);
  }).join();
  CHECK(made_here.empty());
}

struct Base : RecycledObject {
  virtual ~Base() = default;
};
struct Small : Base {
  char data[40] = {};
};
struct Large : Base {
  char data[4000] = {};
};

TEST_CASE("an object goes back with the size of its own class" *
          doctest::skip(!detail::kRecycles)) {
  std::unique_ptr<Base> object = std::make_unique<Large>();
  object = std::make_unique<Small>();
  const void* const place = object.get();
  object.reset();
  const RecycledVector<char> other(sizeof(Small), 'x');
  CHECK(static_cast<const void*>(other.data()) == place);
}

}  // namespace
}  // namespace kadmos
