// Other processes of a bench, forked from it before it has threads or loops: one to measure in, so
// that measurements do not see each other's memory; and companions, which run some of the nodes of
// a network and are frozen or killed.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "cli/common/json.h"

namespace kadmos::bench {

// What `fn` gives, run in a process of its own. Ends the program if that one fails.
cli::Json apart(const std::function<cli::Json()>& fn);

// Lines to and from another process, over pipes that stay open as long as this one lives.
class Line {
 public:
  Line(int in, int out) : in_(in), out_(out) {}
  void say(const std::string& line) const;
  std::string hear() const;  // waits; ends the program if the other end is gone

 private:
  int in_;
  int out_;
};

class Companion {
 public:
  // `life` runs in the new process, which ends with it, or with this one.
  explicit Companion(const std::function<void(const Line&)>& life);
  Companion(const Companion&) = delete;
  Companion& operator=(const Companion&) = delete;
  ~Companion();

  const Line& line() const { return line_; }
  void freeze();  // it stays, its sockets too, and does nothing
  void kill();    // its sockets are gone when this returns

 private:
  pid_t process_ = -1;
  Line line_{-1, -1};
};

}  // namespace kadmos::bench
