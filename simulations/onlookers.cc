#include "simulations/onlookers.h"

#include <iterator>

namespace kadmos::sim {

namespace {

constexpr Duration kPause = std::chrono::seconds(1);   // before watching through another node
constexpr Duration kToTell = std::chrono::minutes(2);  // two rounds of a watch

std::string text(NodeIndex node, std::size_t name) {
  return "watch of name " + std::to_string(name) + " through node " + std::to_string(node);
}

}  // namespace

Onlookers::Onlookers(World& world, const Scenario& scenario, Crowd& crowd, const Ledger& ledger,
                     Prng prng, Violate violate)
    : world_(world),
      scenario_(scenario),
      crowd_(crowd),
      ledger_(ledger),
      prng_(prng),
      violate_(std::move(violate)) {}

void Onlookers::begin() {
  if (ledger_.size() == 0) return;
  for (std::uint32_t i = 0; i < scenario_.workload.watchers; ++i) {
    Onlooker& one = all_.emplace_back();
    one.name = prng_.below(ledger_.size());
    watch(one);
  }
}

void Onlookers::watch(Onlooker& one) {
  one.next.reset();
  one.stream.reset();
  one.last.reset();
  if (ended_) return;
  if (crowd_.size() > 0) one.node = crowd_.any(prng_);
  if (!crowd_.is_up(one.node) || world_.paused(one.node)) {
    return world_.after(kPause, [this, &one] { watch(one); });
  }
  one.stream = world_.node(one.node).watch(ledger_.name(one.name).key);
  wait(one);
}

void Onlookers::wait(Onlooker& one) {
  one.next = one.stream->next().then([this, &one](const Result<std::optional<Update>>& next) {
    if (ended_) return;
    if (next && *next) {
      on_update(one, **next);
      return world_.after(Duration(0), [this, &one] {
        if (one.stream) wait(one);
      });
    }
    if (next) violate_("watches go on", text(one.node, one.name) + " ended by itself");
    world_.after(kPause, [this, &one] { watch(one); });
  });
}

void Onlookers::on_update(Onlooker& one, const Update& update) {
  const Record& record = update.record;
  ++told_;
  const auto fault = ledger_.fault_in(one.name, record, scenario_.config.network);
  if (!fault.empty()) violate_("values verify", text(one.node, one.name) + ": " + fault);
  if (one.last && order(record, *one.last) <= 0) {
    violate_("watches go forward", text(one.node, one.name) + " gave sequence " +
                                       std::to_string(record.sequence) + " after " +
                                       std::to_string(one.last->sequence));
  }
  one.last = record;
}

void Onlookers::look_for_unheard() {
  // Liars may be all that a watch hears of.
  if (crowd_.has_strangers()) return;
  for (const Onlooker& one : all_) {
    const auto& acks = ledger_.name(one.name).acks;
    const auto later = acks.upper_bound(world_.now() - kToTell);
    if (!one.stream || later == acks.begin()) continue;
    const std::uint64_t acked = std::prev(later)->second;
    const std::uint64_t told = one.last ? one.last->sequence : 0;
    if (told >= acked) continue;
    violate_("watches are told", text(one.node, one.name) + " was told sequence " +
                                     std::to_string(told) + " last, and " + std::to_string(acked) +
                                     " was acknowledged");
  }
}

void Onlookers::end() {
  ended_ = true;
  for (Onlooker& one : all_) {
    one.next.reset();
    one.stream.reset();
  }
}

}  // namespace kadmos::sim
