#include "cli/dht-sim/interrupt.h"

#include <atomic>
#include <csignal>
#include <cstdlib>

namespace kadmos::cli {
namespace {

std::atomic<bool> signalled = false;

void on_signal(int number) {
  if (signalled.exchange(true)) std::_Exit(128 + number);
}

}  // namespace

Interrupt::Interrupt()
    : before_int_(std::signal(SIGINT, on_signal)), before_term_(std::signal(SIGTERM, on_signal)) {}

Interrupt::~Interrupt() {
  std::signal(SIGINT, before_int_);
  std::signal(SIGTERM, before_term_);
}

bool Interrupt::came() { return signalled; }

}  // namespace kadmos::cli
