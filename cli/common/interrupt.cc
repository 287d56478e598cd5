#include "cli/common/interrupt.h"

#include <atomic>
#include <csignal>
#include <cstdlib>

namespace kadmos::cli {
namespace {

std::atomic<int> signalled = 0;

void on_signal(int number) {
  if (signalled.exchange(number) != 0) std::_Exit(128 + number);
}

}  // namespace

Interrupt::Interrupt()
    : before_int_(std::signal(SIGINT, on_signal)), before_term_(std::signal(SIGTERM, on_signal)) {}

Interrupt::~Interrupt() {
  std::signal(SIGINT, before_int_);
  std::signal(SIGTERM, before_term_);
}

int Interrupt::signal() { return signalled; }

}  // namespace kadmos::cli
