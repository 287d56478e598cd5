// What the files of this room share: the loop behind UvLoop, libuv handles that close themselves,
// and the exact timer.
//
// A libuv handle must live until the loop has run its close callback. So handles live on the heap,
// owned by a UvPtr whose deleter closes them; `data` is null from then on, and a callback that
// finds null has nobody to tell.
#pragma once

#include <uv.h>

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "kadmos/uv.h"
#include "uv/spare.h"

namespace kadmos {

template <class H>
struct CloseUvHandle {
  void operator()(H* handle) const {
    handle->data = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(handle),
             [](uv_handle_t* gone) { delete reinterpret_cast<H*>(gone); });
  }
};
// Only for handles whose uv_*_init succeeded: closing an uninitialised one is undefined.
template <class H>
using UvPtr = std::unique_ptr<H, CloseUvHandle<H>>;

template <class H>
uv_handle_t* as_handle(const UvPtr<H>& handle) {
  return reinterpret_cast<uv_handle_t*>(handle.get());
}

struct UvLoop::Impl {
  uv_loop_t loop{};
  uv_async_t* async = nullptr;  // wakes the loop for `posted` and `stopping`
  Spares spares;
  // Shared by all connections; each uses them within one callback.
  std::array<char, 64 * 1024> ciphertext;
  std::array<Byte, 16 * 1024> plaintext;
  bool running = false;
  std::atomic<bool> stopping{false};

  std::mutex mutex;
  std::deque<std::function<void()>> posted;  // guarded by mutex
  bool closed = false;                       // guarded by mutex; posts are dropped

  void run_posted();
};

inline uv_loop_t* raw(UvLoop& loop) { return &loop.impl().loop; }

UvPtr<uv_timer_t> make_timer(UvLoop& loop, void* data);
// Fires `callback` once at `when` or up to a millisecond (the grain of libuv) after, never before.
void start_timer(uv_timer_t* timer, TimePoint when, uv_timer_cb callback);

// `now` + `delay` without overflow.
TimePoint saturating_add(TimePoint now, Duration delay);

}  // namespace kadmos
