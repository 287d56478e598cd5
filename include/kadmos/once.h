// Once<A...>: a function that is called at most once, as continuations are. It moves and is not
// copied, so what it holds need not be shared; three pointers and less lie in place.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace kadmos::detail {

template <class... A>
class Once {
 public:
  Once() = default;
  Once(std::nullptr_t) {}
  template <class F, class = std::enable_if_t<!std::is_same_v<std::decay_t<F>, Once> &&
                                              std::is_invocable_v<std::decay_t<F>&, A...>>>
  Once(F&& f) {
    using Held = std::decay_t<F>;
    if constexpr (fits<Held>()) {
      new (place_) Held(std::forward<F>(f));
      kind_ = &kInPlace<Held>;
    } else {
      new (place_) Held*(new Held(std::forward<F>(f)));
      kind_ = &kElsewhere<Held>;
    }
  }
  Once(Once&& other) noexcept : kind_(std::exchange(other.kind_, nullptr)) {
    if (kind_ != nullptr) kind_->move(other.place_, place_);
  }
  Once& operator=(Once other) noexcept {
    const Once gone = std::move(*this);  // last, since what it holds may look here
    kind_ = std::exchange(other.kind_, nullptr);
    if (kind_ != nullptr) kind_->move(other.place_, place_);
    return *this;
  }
  ~Once() {
    if (kind_ != nullptr) kind_->destroy(place_);
  }

  explicit operator bool() const { return kind_ != nullptr; }
  void operator()(A... args) { kind_->call(place_, std::forward<A>(args)...); }

 private:
  struct Kind {
    void (*call)(void*, A&&...);
    void (*move)(void* from, void* to) noexcept;  // and leaves nothing at `from`
    void (*destroy)(void*) noexcept;
  };
  static constexpr std::size_t kPlace = 3 * sizeof(void*);
  static constexpr std::size_t kAlign = alignof(void*);

  template <class F>
  static constexpr bool fits() {
    constexpr bool small = sizeof(F) <= kPlace;
    constexpr bool aligned = alignof(F) <= kAlign;
    return small && aligned && std::is_nothrow_move_constructible_v<F>;
  }
  template <class F>
  static F& at(void* place) {
    return *std::launder(static_cast<F*>(place));
  }
  template <class F>
  static constexpr Kind kInPlace = {
      [](void* place, A&&... args) { at<F>(place)(std::forward<A>(args)...); },
      [](void* from, void* to) noexcept {
        new (to) F(std::move(at<F>(from)));
        at<F>(from).~F();
      },
      [](void* place) noexcept { at<F>(place).~F(); }};
  template <class F>
  static constexpr Kind kElsewhere = {
      [](void* place, A&&... args) { (*at<F*>(place))(std::forward<A>(args)...); },
      [](void* from, void* to) noexcept { new (to) F*(at<F*>(from)); },
      [](void* place) noexcept { delete at<F*>(place); }};

  const Kind* kind_ = nullptr;
  alignas(kAlign) std::byte place_[kPlace];
};

}  // namespace kadmos::detail
