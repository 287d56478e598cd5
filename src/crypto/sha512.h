// SHA-512 in pieces. Every use is given a domain tag, so that a hash made for one purpose is never
// one of another; no tag is the beginning of another.
#pragma once

#include <memory>
#include <string_view>

#include "kadmos/bytes.h"

struct evp_md_ctx_st;

namespace kadmos {

class Sha512 {
 public:
  using Digest = ByteArray<64>;

  // An empty tag: plain SHA-512.
  explicit Sha512(std::string_view tag = {});

  Sha512& add(ByteView bytes);
  // Ends the hash; nothing may be added after.
  Digest digest();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace kadmos
