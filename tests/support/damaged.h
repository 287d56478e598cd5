// Files as they should not be.
#pragma once

#include <algorithm>
#include <string>

#include "base/prng.h"

namespace kadmos {

// `content` as a bad disk, a crash or a wrong hand may leave it; something else than it was.
inline std::string damaged(const std::string& content, Prng& prng) {
  std::string out = content;
  const auto byte = [&] { return static_cast<char>(prng.next()); };
  while (out == content) {
    const std::size_t at = prng.below(content.size());
    const std::size_t some = 1 + prng.below(100);
    switch (prng.below(7)) {
      case 0:  // one bit
        out[at] = static_cast<char>(out[at] ^ (1 << prng.below(8)));
        break;
      case 1:  // a stretch of noise
        for (std::size_t i = at; i < std::min(at + some, out.size()); ++i) out[i] = byte();
        break;
      case 2:  // of zeros
        for (std::size_t i = at; i < std::min(at + some, out.size()); ++i) out[i] = '\0';
        break;
      case 3:
        out.resize(at);
        break;
      case 4:
        out.erase(at, some);
        break;
      case 5:
        out.insert(at, content.substr(prng.below(content.size()), some));
        break;
      default:  // another file
        out.resize(prng.below(4 * content.size()));
        for (char& c : out) c = byte();
    }
  }
  return out;
}

}  // namespace kadmos
