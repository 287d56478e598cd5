// SIGINT and SIGTERM as something to look at: a run ends early and still says what it measured. A
// second signal ends the program at once.
#pragma once

namespace kadmos::cli {

// Listens as long as it lives; may be nested.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Whether a signal has come to any of them. That stays so.
  static bool came() { return signal() != 0; }
  // Which; 0: none.
  static int signal();

 private:
  using Handler = void (*)(int);
  Handler before_int_;
  Handler before_term_;
};

}  // namespace kadmos::cli
