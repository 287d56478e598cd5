// Lanes: each does its stretch of the sorted inputs, one after the other, and hands on who
// answered.
//
// Whoever takes a result may drop the stream or destroy the node. So the next operation of a lane
// is begun before the result of the last is given: as long as the node is used, a lane that is not
// at its end has an operation running, and is told by Errc::closed when the node has ended. From
// then on it is not touched.
#include "kadmos/many.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <utility>

namespace kadmos {
namespace {

bool answered(Outcome outcome) {
  switch (outcome) {
    case Outcome::silent:
    case Outcome::unreachable:
    case Outcome::invalid:
      return false;
    default:
      return true;
  }
}

const std::vector<Asked>& asked_by(const Receipt& receipt) { return receipt.replicas; }
const std::vector<Asked>& asked_by(const Found& found) { return found.asked; }

// Those whom the operations of a lane met, nearest to its present key first.
class Company {
 public:
  // Who answered joins; who did not leaves.
  void meet(const std::vector<Asked>& asked) {
    for (const Asked& one : asked) {
      std::erase_if(members_, [&](const Member& m) { return m.contact.key == one.peer.key; });
      if (answered(one.outcome)) members_.push_back({id_of(one.peer.key), one.peer});
    }
  }
  void forget() { members_.clear(); }
  std::vector<Contact> nearest(const Key& key, std::size_t n) {
    std::ranges::sort(members_,
                      [&](const Member& a, const Member& b) { return closer(key, a.id, b.id); });
    if (members_.size() > n)
      members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(n), members_.end());
    std::vector<Contact> out;
    for (const Member& member : members_) out.push_back(member.contact);
    return out;
  }

 private:
  struct Member {
    Id id;
    Contact contact;
  };
  std::vector<Member> members_;
};

template <class T>
class Many : public std::enable_shared_from_this<Many<T>> {
 public:
  // Begins the operation of an input.
  using Begin = std::function<Future<T>(std::size_t input, std::vector<Contact> via)>;

  static Stream<Done<T>> start(const Node& node, std::vector<Key> keys, std::size_t at_once,
                               Begin begin) {
    auto many = std::make_shared<Many>(std::move(keys), static_cast<std::size_t>(node.config().k),
                                       std::move(begin));
    auto stream = many->source_.stream();
    if (many->keys_.empty()) {
      many->source_.end({});
      return stream;
    }
    // The stream owns it from now on, until it ends.
    many->source_.on_cancel([many] { many->cancel(); });
    many->deal_out(std::clamp<std::size_t>(at_once, 1, node.config().limits.operations));
    for (Lane& lane : many->lanes_) many->run(lane);
    return stream;
  }

  Many(std::vector<Key> keys, std::size_t k, Begin begin)
      : source_(std::max<std::size_t>(keys.size(), 1)),
        keys_(std::move(keys)),
        left_(keys_.size()),
        k_(k),
        begin_(std::move(begin)) {}

 private:
  struct Lane {
    std::size_t next = 0;  // places in order_
    std::size_t end = 0;
    Company company;
    std::optional<Future<void>> running;
    std::optional<Done<T>> ended;  // the operation of the lane ended, and was not looked at yet
    bool in_hand = false;          // run() is at work on it
  };

  // Stretches of the same length but for inputs of one key, which stay together.
  void deal_out(std::size_t most) {
    order_.resize(keys_.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::ranges::stable_sort(order_, {}, [this](std::size_t i) { return keys_[i]; });
    std::size_t begin = 0;
    for (std::size_t n = 1; n <= most && begin < order_.size(); ++n) {
      std::size_t end = std::max(order_.size() * n / most, begin);
      while (end > begin && end < order_.size() && keys_[order_[end]] == keys_[order_[end - 1]]) {
        ++end;
      }
      if (end == begin) continue;
      Lane& lane = lanes_.emplace_back();
      lane.next = begin;
      lane.end = begin = end;
    }
  }

  // A loop, since a result may be there at once, and so may be all of a lane.
  void run(Lane& lane) {
    if (source_.done() || std::exchange(lane.in_hand, true)) return;
    const auto alive = this->shared_from_this();
    do {
      std::optional<Done<T>> ended = std::exchange(lane.ended, std::nullopt);
      if (ended) learn(lane, ended->result);
      if (lane.next < lane.end) begin(lane);
      if (ended) give(*std::move(ended));
    } while (lane.ended && !source_.done());
    lane.in_hand = false;
  }

  void learn(Lane& lane, const Result<T>& result) {
    if (result) {
      lane.company.meet(asked_by(*result));
    } else {
      lane.company.forget();
      if (result.error().code == Errc::closed) closed_ = true;
    }
  }

  void begin(Lane& lane) {
    const std::size_t input = order_[lane.next++];
    if (closed_) {
      lane.ended.emplace(Done<T>{input, Error(Errc::closed, "the node was closed")});
      return;
    }
    auto running = begin_(input, lane.company.nearest(keys_[input], k_))
                       .then([this, &lane, input](Result<T> result) {
                         lane.ended.emplace(Done<T>{input, std::move(result)});
                         run(lane);
                       });
    // To begin one lets others end, and who takes their results may have dropped the stream.
    if (!source_.done()) lane.running.emplace(std::move(running));
  }

  void give(Done<T> done) {
    --left_;
    source_.put(std::move(done));
    if (left_ == 0) source_.end({});
  }

  void cancel() {
    for (Lane& lane : lanes_) const auto dropped = std::exchange(lane.running, std::nullopt);
  }

  StreamSource<Done<T>> source_;
  std::vector<Key> keys_;
  std::vector<std::size_t> order_;  // inputs by key
  std::vector<Lane> lanes_;
  std::size_t left_;  // results to give
  std::size_t k_;
  Begin begin_;
  bool closed_ = false;
};

// What a set would say of a value that is there already.
Receipt there_already(const Key& key, Found found) {
  Receipt out;
  out.key = key;
  out.sequence = found.record.sequence;
  out.expiry = found.record.expiry;
  out.hops = found.hops;
  out.elapsed = found.elapsed;
  out.replicas = std::move(found.asked);
  return out;
}

// Sets an entry that has a sequence, unless something newer is known.
class SetAgain {
 public:
  SetAgain(Node& node, const Key& key, Entry entry, SetOptions options)
      : node_(node), key_(key), entry_(std::move(entry)), options_(std::move(options)) {
    options_.or_older = true;
  }

  static Future<Receipt> start(Node& node, const Key& key, Entry entry, SetOptions options) {
    GetOptions get;
    get.timeout = options.timeout;
    get.via = options.via;
    SetAgain again(node, key, std::move(entry), std::move(options));
    return node.get(key, std::move(get)).then([again](Result<Found> found) {
      return again.go_on(std::move(found));
    });
  }

 private:
  Future<Receipt> go_on(Result<Found> found) const {
    const std::uint64_t sequence = *entry_.sequence;
    std::uint64_t expected = sequence == 0 ? 0 : sequence - 1;
    // Whether something newer is known is asked of those who can be reached: perhaps of nobody.
    const bool will_do =
        found || found.error().code == Errc::not_found ||
        (found.error().code == Errc::unreachable && options_.accept_small);
    if (!will_do) return Future<Receipt>::resolved(std::move(found).error());
    if (found) {
      const Record& known = found->record;
      const bool same = known.type == RecordType::owned && known.value == entry_.value;
      if (same && (entry_.ttl || node_.owns(key_))) {
        return Future<Receipt>::resolved(there_already(key_, *std::move(found)));
      }
      if (!same && known.sequence >= sequence) {
        return outdated("another value is known", known.sequence);
      }
      if (same) expected = std::max(expected, known.sequence);
    } else if (const auto deleted = deletion(found.error()); deleted >= sequence) {
      return outdated("it was deleted", deleted);
    }
    auto first = set(expected, found ? found->asked : found.error().asked);
    if (expected >= sequence) return first;
    // Of a version that expired replicas remember the sequence only, and it may be this very one.
    return std::move(first).then([again = *this, sequence](Result<Receipt> receipt) {
      const bool taken = !receipt && receipt.error().code == Errc::conflict;
      return taken ? again.set(sequence, receipt.error().asked)
                   : Future<Receipt>::resolved(std::move(receipt));
    });
  }

  static Future<Receipt> outdated(const char* why, std::uint64_t by) {
    return Future<Receipt>::resolved(
        Error(Errc::conflict, std::string(why) + " with sequence " + std::to_string(by)));
  }

  // The sequence of the tombstone that was found; 0 if none was.
  std::uint64_t deletion(const Error& not_found) const {
    const auto held = node_.held(key_);
    std::uint64_t out = held && *held ? (*held)->sequence : 0;
    for (const Asked& one : not_found.asked) {
      if (one.outcome == Outcome::found) out = std::max(out, one.sequence);
    }
    return out;
  }

  Future<Receipt> set(std::uint64_t expected, const std::vector<Asked>& met) const {
    SetOptions options = options_;
    options.if_sequence = expected;
    options.via.clear();
    for (const Asked& one : met) {
      if (answered(one.outcome)) options.via.push_back(one.peer);
    }
    return node_.set(*entry_.name, entry_.value, std::move(options));
  }

  Node& node_;
  Key key_;
  Entry entry_;
  SetOptions options_;
};

}  // namespace

Stream<Done<Receipt>> set_many(Node& node, std::vector<Entry> entries, ManyOptions options) {
  const PublicKey& owner = options.owner ? options.owner->public_key() : node.public_key();
  std::vector<Key> keys;
  keys.reserve(entries.size());
  for (const Entry& entry : entries) {
    keys.push_back(entry.name ? owned_key(owner, view_of(*entry.name)) : content_key(entry.value));
  }
  auto all = std::make_shared<std::vector<Entry>>(std::move(entries));
  return Many<Receipt>::start(
      node, keys, options.at_once,
      [&node, keys, all, options](std::size_t input, std::vector<Contact> via) {
        Entry entry = std::move((*all)[input]);
        if (!entry.name)
          return node.put(entry.value,
                          {entry.ttl, options.timeout, std::move(via), options.accept_small});
        SetOptions set;
        set.ttl = entry.ttl;
        set.timeout = options.timeout;
        set.owner = options.owner;
        set.via = std::move(via);
        set.accept_small = options.accept_small;
        if (entry.sequence) {
          return SetAgain::start(node, keys[input], std::move(entry), std::move(set));
        }
        return node.set(*entry.name, entry.value, std::move(set));
      });
}

Stream<Done<Found>> get_many(Node& node, std::vector<Key> keys, ManyOptions options) {
  return Many<Found>::start(node, keys, options.at_once,
                            [&node, keys, options](std::size_t input, std::vector<Contact> via) {
                              GetOptions get;
                              get.timeout = options.timeout;
                              get.via = std::move(via);
                              return node.get(keys[input], std::move(get));
                            });
}

Stream<Done<Receipt>> provide_many(Node& node, std::vector<Key> keys, ManyOptions options) {
  return Many<Receipt>::start(
      node, keys, options.at_once,
      [&node, keys, options](std::size_t input, std::vector<Contact> via) {
        return node.provide(keys[input], {options.timeout, std::move(via), options.accept_small});
      });
}

Stream<Done<Receipt>> renew_many(Node& node, std::vector<Key> keys, ManyOptions options) {
  return Many<Receipt>::start(node, keys, options.at_once,
                              [&node, keys, options](std::size_t input, std::vector<Contact> via) {
                                return node.renew(keys[input], {options.timeout, std::move(via),
                                                                options.accept_small});
                              });
}

}  // namespace kadmos
