// What operations make of replies, whichever they asked for.
#pragma once

#include <string>

#include "ops/operation.h"

namespace kadmos {

// What a peer did whose reply is not of the kind that was asked for.
struct Refusal {
  Outcome outcome = Outcome::refused;
  std::string detail;
};
inline Refusal refusal_in(const wire::Body& reply) {
  const auto* failure = std::get_if<wire::Failure>(&reply);
  if (failure == nullptr) return {Outcome::refused, "answered with a message of another kind"};
  const bool busy = failure->code == wire::FailureCode::busy;
  return {busy ? Outcome::busy : Outcome::refused, failure->detail};
}

// What a replica did that answered a store.
inline Outcome outcome_of(wire::StoreStatus status) {
  return status == wire::StoreStatus::durable    ? Outcome::durable
         : status == wire::StoreStatus::extended ? Outcome::extended
                                                 : Outcome::superseded;
}

// Whether a record has expired by every clock that is as wrong as it may be. Content never has:
// its expiry is not signed.
inline bool has_expired(const OpEnv& env, Now now, const Record& record) {
  return record.type != RecordType::content && record.expiry + env.config.clock_skew <= now.wall;
}

}  // namespace kadmos
