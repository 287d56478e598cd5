// The arithmetic of replicas: how many must hold a record, how many must be asked for it. Any write
// quorum and any read quorum of the same target share a node.
#pragma once

namespace kadmos {

// w = ceil(2/3 target).
constexpr int write_quorum(int target) { return (2 * target + 2) / 3; }
// r = target - w + 1.
constexpr int read_quorum(int target) { return target - write_quorum(target) + 1; }

}  // namespace kadmos
