// find_providers: a walk to a key that asks each node for the announcements it holds of it, and
// goes on asking one that has more. Each provider is given once, as soon as a valid announcement of
// it is found; one that is known to have withdrawn by then is not. Announcements are believed from
// anyone, since they are signed, but a node whose answer is not what it must be is asked no more.
// It ends when enough are found or the walk is done.
#include <algorithm>
#include <deque>
#include <map>

#include "ops/replies.h"
#include "ops/requests.h"
#include "ops/walk.h"

namespace kadmos {
namespace {

using Half = ByteArray<Id::kBytes / 2>;

constexpr int kPages = 8;  // asked of one node: twice what one keeps of a key

// The second half of an announcement's key, by which pages go on.
Half last_half(const Key& place) {
  const auto bytes = place.bytes();
  Half out{};
  std::copy_n(bytes.begin() + out.size(), out.size(), out.begin());
  return out;
}

class FindProvidersOp final : public Operation {
 public:
  FindProvidersOp(const OpEnv& env, const FindProvidersRequest& request)
      : env_(env),
        key_(request.key),
        wanted_(request.most()),
        walk_(env, key_, env.config.k, wire::FindProviders{key_, {}}) {}

  void start(Now now) override {
    walk_.start(now);
    for (const Record& record :
         env_.store.announcements(now, key_, {}, FindProvidersRequest::kMost).records) {
      accept(now, record);
    }
  }

  std::optional<Action> poll_action(Now now) override {
    if (enough()) return std::nullopt;
    for (auto& [id, page] : pages_) {
      if (page.asked) continue;
      page.asked = true;
      return Action(Ask{page.peer, wire::FindProviders{key_, page.after}});
    }
    return walk_.poll_action(now);
  }

  void on_answer(Now now, const ContactHold& from, wire::Body& reply) override {
    const auto* providers = std::get_if<wire::Providers>(&reply);
    const auto page = pages_.extract(from.id());
    if (!page) {
      on_walk_answer(now, from, reply, providers);
      return;
    }
    if (providers == nullptr) return;
    if (auto wrong = take(now, *providers, page.mapped().after); !wrong.empty()) {
      env_.suspects.on_offence(now.at, from.id(), true);
      return;
    }
    turn_page(from, *providers, page.mapped().number + 1);
  }
  void on_slow(Now now, const ContactHold& from) override {
    const auto page = pages_.find(from.id());
    if (page == pages_.end()) return walk_.on_slow(now, from);
    page->second.slow = true;
  }
  void on_given_up(Now, const ContactHold& from) override {
    if (!pages_.contains(from.id())) walk_.on_given_up(from);
  }
  void on_failed(Now now, const ContactHold& from, Outcome outcome,
                 const std::string& detail) override {
    if (pages_.erase(from.id()) == 0) walk_.on_failed(now, from, outcome, detail);
  }

  std::optional<OpItem> poll_item() override {
    if (items_.empty()) return std::nullopt;
    OpItem item(std::move(items_.front()));
    items_.pop_front();
    return item;
  }

  std::optional<OpResult> poll_result(Now) override {
    if (enough()) return OpResult(Result<void>());
    if (!walk_.lookup().done()) return std::nullopt;
    const bool slow = walk_.lookup().slow_count() > 0;
    // Those who are slow are waited for only if nobody else knows a provider.
    const bool more = std::ranges::any_of(
        pages_, [&](const auto& entry) { return !entry.second.slow || given_ == 0; });
    if (more || (slow && given_ == 0)) return std::nullopt;
    if (given_ == 0 && walk_.cut_off()) return OpResult(Result<void>(walk_.nobody(name())));
    return OpResult(Result<void>());
  }

  OpResult end(Now, Errc code) override {
    return Result<void>(
        walk_.error(code, name(), "ended after " + std::to_string(given_) + " providers"));
  }

 private:
  // The next announcements of a node that has more of them.
  struct Page {
    ContactHold peer;
    Half after{};
    int number = 1;
    bool asked = false;
    bool slow = false;
  };
  struct Known {
    Record latest;
    bool given = false;
  };

  std::string name() const { return "find_providers " + key_.short_hex(); }
  bool enough() const { return given_ >= wanted_; }

  void on_walk_answer(Now now, const ContactHold& from, const wire::Body& reply,
                      const wire::Providers* providers) {
    if (std::holds_alternative<wire::Nodes>(reply)) {
      walk_.on_failed(now, from, Outcome::refused, "answered with a message of another kind");
    } else if (providers == nullptr) {
      walk_.on_answer(now, from, reply);
    } else if (auto wrong = take(now, *providers, {}); !wrong.empty()) {
      walk_.on_invalid(now, from, wrong);
    } else {
      wire::Nodes nodes{providers->contacts, {}};
      if (!providers->records.empty()) nodes.record = providers->records.front();
      if (walk_.on_answer(now, from, nodes)) turn_page(from, *providers, 1);
    }
  }

  void turn_page(const ContactHold& from, const wire::Providers& last, int number) {
    if (!last.more || last.records.empty() || number >= kPages || enough()) return;
    const Half after = last_half(key_of(last.records.back()));
    pages_.emplace(from.id(), Page{from, after, number});
  }

  // Takes what a node answered, up to the first that is wrong, and says what is; empty if nothing.
  std::string take(Now now, const wire::Providers& answer, const std::optional<Half>& after) {
    std::optional<Half> last = after;
    for (const Record& record : answer.records) {
      if (enough()) return {};
      const Key place = provider_key(key_, record.owner);
      std::string wrong = last && last_half(place) <= *last
                              ? "announcements that are not in the order of their keys"
                              : why_not(record, place);
      if (!wrong.empty()) {
        ++env_.stats.records_invalid;
        return wrong;
      }
      last = last_half(place);
      accept(now, record);
    }
    return {};
  }

  // Why an announcement is not to be believed. One that is known already, or adds nothing to what
  // is, need not be verified.
  std::string why_not(const Record& record, const Key& place) const {
    const auto what = announced(record);
    if (!what || what->key != key_) return "a record that does not announce this key";
    if (!is_news(record)) return {};
    const auto valid = verify(record, place, env_.config.network);
    return valid ? "" : valid.error().detail;
  }
  bool is_news(const Record& record) const {
    const auto known = known_.find(record.owner);
    return known == known_.end() || order(record, known->second.latest) > 0;
  }

  void accept(Now now, const Record& record) {
    if (enough() || !is_news(record)) return;
    Known& known = known_[record.owner];
    known.latest = record;
    const auto what = announced(record);
    const bool expired = has_expired(env_, now, record);
    if (known.given || expired || !what || what->withdrawn) return;
    known.given = true;
    ++given_;
    items_.push_back({{record.owner, what->endpoints}, record.expiry});
    if (!what->endpoints.empty()) return;
    // It may not know its own address, but this node may have reached it.
    if (const auto contact = env_.table.find(id_of(record.owner))) {
      items_.back().contact.endpoints = env_.book.contact(*contact).endpoints;
    }
  }

  const OpEnv& env_;
  Key key_;
  std::size_t wanted_;
  Walk walk_;
  std::map<Id, Page> pages_;  // wanted or asked for, by node
  std::map<PublicKey, Known> known_;
  std::deque<Provider> items_;
  std::size_t given_ = 0;
};

}  // namespace

std::unique_ptr<Operation> make_operation(const OpEnv& env, FindProvidersRequest request) {
  return std::make_unique<FindProvidersOp>(env, request);
}

}  // namespace kadmos
