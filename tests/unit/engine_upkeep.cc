// What an engine does without being asked: enter, meet, refresh, republish.
#include <doctest/doctest.h>

#include "support/drive.h"

using namespace kadmos;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Host = Drive::Host;

namespace {

// Raw peers that answer whatever they are asked, and know nobody.
void answer_everything(Drive& net) {
  net.raw_answer = [](const Drive::Sent& one) -> std::optional<wire::Body> {
    if (std::holds_alternative<wire::Ping>(one.message.body)) return wire::Pong{};
    if (const auto* store = std::get_if<wire::Store>(&one.message.body)) {
      return wire::Stored{wire::StoreStatus::durable, store->record.sequence};
    }
    return wire::Nodes{};
  };
}

// When something that is counted happened, looked at every 10 ms.
std::vector<Duration> times_of(Drive& net, Duration during,
                               const std::function<std::uint64_t()>& count) {
  std::vector<Duration> out;
  std::uint64_t before = count();
  for (Duration t = milliseconds(10); t <= during; t += milliseconds(10)) {
    net.run_for(milliseconds(10));
    for (; before < count(); ++before) out.push_back(t);
  }
  return out;
}

// `gap` is `expected` moved by a fifth at most; the look and the probe take some time too.
void check_jittered(Duration gap, Duration expected) {
  CHECK(gap >= expected - expected / 5 - milliseconds(20));
  CHECK(gap <= expected + expected / 5 + milliseconds(50));
}

// A node that takes part (alone at first) and two raw peers it knows.
struct Member {
  explicit Member(const Config& config = Drive::config()) : a(net.add(config)) {
    answer_everything(net);
    REQUIRE(net.run<Closest>(a, JoinRequest{}).ok());
    for (Host* peer : {&b, &c}) {
      *peer = net.add_raw();
      net.meet_one(a, *peer);
    }
  }
  void store(const Record& record) { net.inject(a, b, wire::Message{1, wire::Store{record}}); }
  Record content(std::string_view value = "content") const {
    return records::content(value, net.wall() + hours(48));
  }
  std::size_t stores() const { return net.sent_of<wire::Store>(a).size(); }

  Drive net;
  Host a;
  Host b = 0;
  Host c = 0;
};

}  // namespace

TEST_CASE("a node that was not told to join keeps quiet") {
  Drive net;
  Config config = Drive::config();
  config.bootstrap.push_back({Endpoint::v4(127, 0, 0, 1, 4001), std::nullopt});
  const Host a = net.add(config);
  const Host b = net.add();
  net.meet(a, b);
  CHECK_FALSE(net.engine(a).next_timeout());
  net.run_for(hours(10));
  CHECK(net.sent.empty());
  CHECK(net.probed(a).empty());
}

TEST_CASE("while its table is empty a node tries to enter with doubling pauses up to a most") {
  Drive net;
  const Host b = net.add_raw();
  net.take_down(b);
  Config config = Drive::config();
  config.bootstrap.push_back(net.bootstrap(b));
  config.bootstrap_backoff = milliseconds(500);
  config.bootstrap_backoff_max = seconds(4);
  const Host a = net.add(config);
  CHECK_FALSE(net.run<Closest>(a, JoinRequest{}).ok());
  const auto times = times_of(net, seconds(30), [&] { return net.stats(a).bootstraps; });
  REQUIRE(times.size() >= 6);
  check_jittered(times[0], milliseconds(500));
  check_jittered(times[1] - times[0], seconds(1));
  check_jittered(times[2] - times[1], seconds(2));
  for (std::size_t i = 3; i < times.size(); ++i)
    check_jittered(times[i] - times[i - 1], seconds(4));
}

TEST_CASE("a node enters by itself when its way in is there again") {
  Drive net;
  const Host b = net.add();
  net.take_down(b);
  Config config = Drive::config();
  config.bootstrap.push_back(net.bootstrap(b));
  const Host a = net.add(config);
  CHECK_FALSE(net.run<Closest>(a, JoinRequest{}).ok());
  net.run_for(seconds(20));
  net.take_down(b, false);
  net.run_for(seconds(70));
  CHECK(net.knows(a, b));
  const auto tries = net.stats(a).bootstraps;
  net.run_for(hours(1));
  CHECK(net.stats(a).bootstraps == tries);  // it is inside
}

TEST_CASE("a way in that is added later is used") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add();
  REQUIRE(net.run<Closest>(a, JoinRequest{}).ok());
  net.run_for(minutes(1));
  CHECK(net.probed(a).empty());
  net.engine(a).add_bootstrap(net.bootstrap(b));
  net.run_for(seconds(1));
  CHECK(net.knows(a, b));
}

TEST_CASE("contacts that were lost are ways back in") {
  Drive net;
  const Host a = net.add();
  const Host b = net.add();
  REQUIRE(net.run<Closest>(a, JoinRequest{}).ok());
  net.meet(a, b);
  net.run_for(seconds(10));
  net.take_down(b);
  net.run_for(hours(2));
  CHECK_FALSE(net.knows(a, b));
  CHECK(net.noticed(a, "table_empty"));
  net.take_down(b, false);
  net.run_for(minutes(3));
  CHECK(net.knows(a, b));
}

TEST_CASE("a node meets its neighbours soon after it entered and then at doubling pauses") {
  Config config = Drive::config();
  config.refresh_interval = seconds(8);
  Member f(config);
  f.net.sent.clear();
  const auto own_searches = [&] {
    std::uint64_t count = 0;
    for (const Drive::Sent& one : f.net.sent_of<wire::FindNode>(f.a, f.b)) {
      if (std::get<wire::FindNode>(one.message.body).target == f.net.id(f.a)) ++count;
    }
    return count;
  };
  const auto times = times_of(f.net, seconds(60), own_searches);
  REQUIRE(times.size() >= 8);
  check_jittered(times[0], milliseconds(250));
  check_jittered(times[1] - times[0], milliseconds(500));
  check_jittered(times[2] - times[1], seconds(1));
  check_jittered(times[3] - times[2], seconds(2));
  check_jittered(times[4] - times[3], seconds(4));
  for (std::size_t i = 5; i < times.size(); ++i)
    check_jittered(times[i] - times[i - 1], seconds(8));
}

TEST_CASE("each meeting tries somebody who was lost and no more than alpha ways in") {
  Config config = Drive::config();
  config.refresh_interval = seconds(8);
  Member f(config);
  for (int i = 0; i < 20; ++i) {
    const Host gone = f.net.add_raw();
    f.net.engine(f.a).add_bootstrap(f.net.bootstrap(gone));
    f.net.take_down(gone);
  }
  f.net.take_down(f.b);
  f.net.run_for(seconds(60));
  REQUIRE_FALSE(f.net.knows(f.a, f.b));
  const auto before = f.net.probed(f.a).size();
  f.net.sent.clear();
  f.net.run_for(seconds(120));
  std::size_t meetings = 0;
  for (const Drive::Sent& one : f.net.sent_of<wire::FindNode>(f.a, f.c)) {
    if (std::get<wire::FindNode>(one.message.body).target == f.net.id(f.a)) ++meetings;
  }
  REQUIRE(meetings >= 12);
  auto probed = f.net.probed(f.a);
  probed.erase(probed.begin(), probed.begin() + static_cast<std::ptrdiff_t>(before));
  const auto lost =
      static_cast<std::size_t>(std::count(probed.begin(), probed.end(), f.net.bootstrap(f.b)));
  CHECK(lost + 1 >= meetings);
  CHECK(probed.size() <= 3 * (meetings + 1));
}

TEST_CASE("a bucket without a lookup is refreshed by one for a random id in it") {
  Config config = Drive::config();
  config.k = 1;
  Drive net;
  answer_everything(net);
  const Host a = net.add(config);
  REQUIRE(net.run<Closest>(a, JoinRequest{}).ok());
  std::optional<Host> far;
  std::optional<Host> near;
  while (!far || !near) {
    const Host peer = net.add_raw();
    (net.id(peer).bit(0) == net.id(a).bit(0) ? near : far) = peer;
  }
  net.meet_one(a, *far);
  net.meet_one(a, *near);
  REQUIRE(net.engine(a).table().buckets() >= 2);
  const auto far_searches = [&] {
    std::set<Id> targets;
    for (const Drive::Sent& one : net.sent_of<wire::FindNode>(a)) {
      const Id& target = std::get<wire::FindNode>(one.message.body).target;
      if (target.bit(0) != net.id(a).bit(0)) targets.insert(target);
    }
    return targets.size();
  };
  net.run_for(minutes(1));
  CHECK(far_searches() == 1);  // it was never looked up
  SUBCASE("and again after the interval") {
    net.run_for(minutes(46));
    CHECK(far_searches() == 1);
    net.run_for(minutes(26));
    CHECK(far_searches() == 2);
  }
  SUBCASE("but not while lookups go there anyway") {
    for (int i = 0; i < 10; ++i) {
      net.run_for(minutes(30));
      REQUIRE(net.run<Closest>(a, FindNodeRequest{net.id(*far)}).ok());
    }
    CHECK(far_searches() == 2);  // the one above and ours
  }
}

TEST_CASE("upkeep runs one lookup at a time") {
  Config config = Drive::config();
  config.k = 1;
  Drive net;
  const Host a = net.add(config);
  REQUIRE(net.run<Closest>(a, JoinRequest{}).ok());
  for (int i = 0; i < 20; ++i) net.meet_one(a, net.add_raw());  // none says anything
  REQUIRE(net.engine(a).table().buckets() >= 3);
  std::uint64_t most = 0;
  // Until it has to enter the network anew, which need not wait for a search.
  for (; net.stats(a).table_size > 0; net.run_for(milliseconds(10))) {
    most = std::max(most, net.stats(a).operations_running);
  }
  CHECK(most == 1);
  CHECK(net.stats(a).operations_done >= 3);
}

TEST_CASE("who was seen longest ago is pinged once an interval") {
  Member f;
  f.net.run_for(minutes(10));
  f.net.sent.clear();
  f.net.run_for(hours(2));
  CHECK(f.net.sent_of<wire::Ping>(f.a).size() >= 1);
  CHECK(f.net.sent_of<wire::Ping>(f.a).size() <= 6);
}

TEST_CASE("a client offers nothing to others but keeps its own records alive") {
  Config config = Drive::config();
  config.client = true;
  Member f(config);
  REQUIRE(f.net.run<Receipt>(f.a, f.net.set("name", "value")).ok());
  f.net.run_for(hours(5) - minutes(15));
  CHECK(f.net.stats(f.a).replicas_sent == 0);
  CHECK(f.net.stats(f.a).republished == 0);
  f.net.run_for(hours(3));
  CHECK(f.net.stats(f.a).republished == 1);
}

TEST_CASE("own records are signed anew with the same sequence and a later expiry") {
  Member f;
  const auto receipt = f.net.run<Receipt>(f.a, f.net.set("name", "value"));
  REQUIRE(receipt.ok());
  const auto content = f.net.run<Receipt>(f.a, f.net.put("content"));
  REQUIRE(content.ok());
  f.net.sent.clear();
  f.net.run_for(minutes(432));  // 6 h and a fifth
  CHECK(f.net.stats(f.a).republished >= 2);
  int owned = 0;
  for (const Drive::Sent& one : f.net.sent_of<wire::Store>(f.a, f.b)) {
    const Record& record = std::get<wire::Store>(one.message.body).record;
    if (record.type != RecordType::owned || record.expiry == receipt->expiry) continue;
    ++owned;
    CHECK(record.sequence == receipt->sequence);
    CHECK(record.expiry > receipt->expiry + hours(4));
    CHECK(verify(record, receipt->key, records::kNetwork).ok());
  }
  CHECK(owned >= 1);
  f.net.run_for(hours(72));
  CHECK(f.net.run<Found>(f.a, GetRequest{receipt->key})->local);
  CHECK(f.net.run<Found>(f.a, GetRequest{content->key})->local);
}

TEST_CASE("what is published when a node has just begun is republished after an interval") {
  Member f;
  REQUIRE(f.net.run<Receipt>(f.a, f.net.put("content")).ok());
  REQUIRE(f.net.run<Receipt>(f.a, f.net.set("name", "value")).ok());
  f.net.run_for(minutes(280));  // less than 6 h but for a fifth
  CHECK(f.net.stats(f.a).republished == 0);
  f.net.run_for(minutes(160));
  CHECK(f.net.stats(f.a).republished >= 2);
}

TEST_CASE("who enters after longer than an interval publishes what it has once") {
  Drive net;
  const Host a = net.add();
  answer_everything(net);
  REQUIRE(net.run<Receipt>(a, net.put("content")).ok());
  net.engine(a).add_bootstrap({Endpoint::v4(127, 0, 0, 1, 4999), std::nullopt});
  net.start(a, JoinRequest{});
  net.run_for(hours(8));
  REQUIRE(net.stats(a).republished == 0);
  net.meet_one(a, net.add_raw());
  net.run_for(minutes(10));
  CHECK(net.stats(a).republished == 1);
}

TEST_CASE("content that a peer says lives longer is republished all the same") {
  Member f;
  const auto content = f.net.run<Receipt>(f.a, f.net.put("content"));
  REQUIRE(content.ok());
  f.store(records::content("content", f.net.wall() + hours(24 * 365 * 80)));
  f.net.run_for(minutes(432));
  CHECK(f.net.stats(f.a).republished >= 1);
}

TEST_CASE("a version with a lifetime of its own is not republished nor is one before it") {
  Member f;
  REQUIRE(f.net.run<Receipt>(f.a, f.net.set("name", "one")).ok());
  SetRequest request = f.net.set("name", "two");
  request.ttl = hours(7);
  request.own = Own::until_expiry;
  const auto receipt = f.net.run<Receipt>(f.a, request);
  REQUIRE(receipt.ok());
  CHECK(f.net.engine(f.a).own_keys(Own::renewed).empty());
  CHECK(f.net.engine(f.a).own_keys(Own::until_expiry) == std::vector<Key>{receipt->key});
  f.net.run_for(hours(20));
  CHECK(f.net.stats(f.a).republished == 0);
  CHECK(f.net.storage(f.a).own_keys().empty());
  CHECK_FALSE((*f.net.storage(f.a).find(receipt->key))->record.type == RecordType::owned);
}

TEST_CASE("what is withdrawn is not announced again by upkeep") {
  Member f;
  const Key key = content_key(view_of("what"));
  const Record announcement = f.net.engine(f.a).announce(f.net.now(), key, false);
  REQUIRE(f.net.run<Receipt>(f.a, PublishRequest{announcement, Own::renewed}).ok());
  REQUIRE(f.net.storage(f.a).own_keys().size() == 1);
  static_cast<void>(f.net.engine(f.a).announce(f.net.now(), key, true));  // and then its node fails
  f.net.run_for(minutes(432));
  CHECK(f.net.stats(f.a).republished == 0);
}

TEST_CASE("setting a name again and again leaves one record to republish") {
  Member f;
  for (int i = 0; i < 20; ++i) REQUIRE(f.net.run<Receipt>(f.a, f.net.set("name", "value")).ok());
  f.net.run_for(minutes(432));
  CHECK(f.net.stats(f.a).republished >= 1);
  CHECK(f.net.stats(f.a).republished <= 2);
}

TEST_CASE("a deletion is not republished") {
  Member f;
  SetRequest request = f.net.set("name", "");
  request.tombstone = true;
  REQUIRE(f.net.run<Receipt>(f.a, request).ok());
  CHECK(f.net.storage(f.a).own_keys().size() == 1);
  f.net.run_for(minutes(432));
  CHECK(f.net.stats(f.a).republished == 0);
  CHECK(f.net.storage(f.a).own_keys().empty());
  CHECK(f.net.stats(f.a).records_held == 1);
  f.net.run_for(hours(24));
  CHECK(f.net.stats(f.a).records_held == 0);
}

TEST_CASE("a record kept as own that another signed is not republished") {
  Member f;
  const Identity owner = records::identity(200);
  const Record record = records::owned(owner, "name", 1, "value", f.net.wall() + hours(24));
  REQUIRE(f.net.run<Receipt>(f.a, PublishRequest{record, Own::renewed}).ok());
  f.net.run_for(minutes(432));
  CHECK(f.net.stats(f.a).republished == 0);
  CHECK(f.net.storage(f.a).own_keys().empty());
}

TEST_CASE("a disk that cannot be read costs one round of republishing") {
  Member f;
  REQUIRE(f.net.run<Receipt>(f.a, f.net.set("name", "value")).ok());
  f.net.storage(f.a).fail_reads = true;
  f.net.run_for(minutes(432));
  CHECK(f.net.stats(f.a).republished == 0);
  f.net.storage(f.a).fail_reads = false;
  f.net.run_for(minutes(432));
  CHECK(f.net.stats(f.a).republished == 1);
}

TEST_CASE("a republishing that misses its quorum is not counted and tried again next time") {
  Member f;
  REQUIRE(f.net.run<Receipt>(f.a, f.net.set("name", "value")).ok());
  f.net.raw_answer = [](const Drive::Sent& one) -> std::optional<wire::Body> {
    if (std::holds_alternative<wire::Ping>(one.message.body)) return wire::Pong{};
    if (!std::holds_alternative<wire::Store>(one.message.body)) return wire::Nodes{};
    return wire::Failure{wire::FailureCode::busy, "later"};
  };
  f.net.run_for(minutes(432));
  CHECK(f.net.stats(f.a).republished == 0);
  answer_everything(f.net);
  f.net.run_for(minutes(432));
  CHECK(f.net.stats(f.a).republished == 1);
}
