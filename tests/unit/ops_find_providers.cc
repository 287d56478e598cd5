// find_providers: whom it believes, what it gives and how often, and when it has enough.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "support/drive.h"
#include "wire/schema.h"

using namespace kadmos;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Host = Drive::Host;

namespace {

const Key kWhat = content_key(view_of("what"));

ByteArray<32> last_half(const Record& record) {
  const auto key = key_of(record).bytes();
  ByteArray<32> out{};
  std::copy(key.begin() + 32, key.end(), out.begin());
  return out;
}

// A node with k = 4 that knows six raw peers, named by their place: peer(0) is the nearest to the
// key. Each holds the announcements that the test says, gives them in pages, and names the others.
struct Finding {
  explicit Finding(std::size_t page = wire::kProvidersPerReply) : a(net.add(Drive::config())) {
    for (int i = 0; i < 6; ++i) peers.push_back(net.add_raw());
    peers = net.by_distance(kWhat, peers);
    for (const Host peer : peers) net.meet_one(a, peer);
    net.raw_answer = [this, page](const Drive::Sent& one) -> std::optional<wire::Body> {
      const auto* request = std::get_if<wire::FindProviders>(&one.message.body);
      if (request == nullptr) return wire::Pong{};
      if (answer_instead) return answer_instead(one);
      wire::Providers out;
      for (const Host peer : peers) {
        if (peer != one.to) out.contacts.push_back(net.contact(peer));
      }
      std::vector<Record> all = held[one.to];
      std::ranges::sort(all, {}, key_of);
      for (const Record& record : all) {
        if (request->after && last_half(record) <= *request->after) continue;
        out.more = out.records.size() == page;
        if (out.more) break;
        out.records.push_back(record);
      }
      return out;
    };
  }
  Record announcement(Byte owner, std::uint64_t sequence = 1, const Endpoints& at = {},
                      Duration life = hours(1)) const {
    return records::provider(
        records::identity(owner), kWhat, sequence, at,
        net.wall() + std::chrono::duration_cast<std::chrono::milliseconds>(life));
  }
  Record withdrawal(Byte owner, std::uint64_t sequence) const {
    return records::withdrawal(records::identity(owner), kWhat, sequence, net.wall() + hours(1));
  }
  // Keys of the providers, in the order they were given; the operation must end in order.
  std::vector<PublicKey> find(std::size_t limit = 20) {
    op = net.start(a, FindProvidersRequest{kWhat, limit});
    net.run_until([&] { return net.ended(a, op); });
    const auto ended = net.result<void>(a, op);
    CHECK_MESSAGE(ended.ok(), (ended ? "" : ended.error().text()));
    std::vector<PublicKey> out;
    for (const Provider& one : net.items<Provider>(a, op)) out.push_back(one.contact.key);
    return out;
  }
  std::set<PublicKey> find_set(std::size_t limit = 20) {
    const auto found = find(limit);
    const std::set<PublicKey> out(found.begin(), found.end());
    CHECK(out.size() == found.size());  // each once
    return out;
  }
  std::size_t asked() const { return net.sent_of<wire::FindProviders>(a).size(); }
  Host peer(std::size_t place) const { return peers[place]; }

  Drive net;
  Host a;
  std::vector<Host> peers;
  std::map<Host, std::vector<Record>> held;
  std::function<std::optional<wire::Body>(const Drive::Sent&)> answer_instead;
  OpId op = 0;
};

PublicKey key(Byte owner) { return records::identity(owner).public_key(); }

using Keys = std::vector<PublicKey>;
using KeySet = std::set<PublicKey>;

}  // namespace

TEST_CASE("find_providers gives each provider once with where it can be reached and until when") {
  Finding f;
  const Endpoints at(*Endpoint::parse("192.0.2.1:4000"));
  const Record record = f.announcement(100, 1, at);
  for (const Host peer : f.peers) f.held[peer] = {record};
  CHECK(f.find() == Keys{key(100)});
  const auto given = f.net.items<Provider>(f.a, f.op);
  REQUIRE(given.size() == 1);
  CHECK(given[0].contact == Contact{key(100), at});
  CHECK(given[0].expiry == record.expiry);
  CHECK(f.asked() == 4);  // the whole walk, since others may know others
}

TEST_CASE("find_providers gives what it finds before the walk is done") {
  Finding f;
  f.held[f.peer(0)] = {f.announcement(100)};
  f.net.freeze(f.peer(1));
  const OpId op = f.net.start(f.a, FindProvidersRequest{kWhat, 20});
  f.net.run_for(2 * Drive::kLatency);
  CHECK(f.net.items<Provider>(f.a, op).size() == 1);
  CHECK_FALSE(f.net.ended(f.a, op));
}

TEST_CASE("find_providers puts together what different nodes know") {
  Finding f;
  f.held[f.peer(0)] = {f.announcement(100), f.announcement(101)};
  f.held[f.peer(3)] = {f.announcement(101), f.announcement(102)};
  CHECK(f.find_set() == KeySet{key(100), key(101), key(102)});
}

TEST_CASE("find_providers ends as soon as it has as many as were asked for") {
  Finding f;
  for (const Host peer : f.peers) f.held[peer] = {f.announcement(100), f.announcement(101)};
  CHECK(f.find(2).size() == 2);
  CHECK(f.asked() <= 3);  // nobody but the first at once
  CHECK(f.find(1).size() == 1);
}

TEST_CASE("find_providers asks a node on as long as it has more") {
  Finding f(2);
  KeySet all;
  for (Byte owner = 100; owner < 107; ++owner) {
    f.held[f.peer(0)].push_back(f.announcement(owner));
    all.insert(key(owner));
  }
  CHECK(f.find_set(0) == all);
  CHECK(f.asked() == 4 + 3);
}

TEST_CASE("a node that never ends to say more is left after a few pages") {
  Finding f;
  std::vector<Record> endless;
  for (Byte owner = 100; owner < 130; ++owner) endless.push_back(f.announcement(owner));
  std::ranges::sort(endless, {}, key_of);
  std::size_t next = 0;
  f.answer_instead = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    if (one.to != f.peer(0)) return wire::Providers{};
    return wire::Providers{{}, {endless[next++]}, true};
  };
  CHECK(f.find(0).size() == 8);
}

TEST_CASE(
    "announcements that are not what was asked for are not believed and held against who "
    "gave them") {
  Finding f;
  Record forged = f.announcement(100);
  SUBCASE("another owner") { forged.owner = key(101); }
  SUBCASE("other endpoints") {
    forged.value = announcing({kWhat, false, Endpoints(*Endpoint::parse("6.6.6.6:6"))}).value;
  }
  SUBCASE("a longer life") { forged.expiry += hours(1); }
  SUBCASE("another network") {
    forged = records::provider(records::identity(100), kWhat, 1, {}, f.net.wall() + hours(1), "x");
  }
  SUBCASE("another key") {
    forged = records::provider(records::identity(100), content_key(view_of("other")), 1, {},
                               f.net.wall() + hours(1));
  }
  SUBCASE("a key that begins alike") {
    Key alike = kWhat;
    alike.set_bit(511, !kWhat.bit(511));
    forged = records::provider(records::identity(100), alike, 1, {}, f.net.wall() + hours(1));
  }
  f.held[f.peer(0)] = {forged};
  f.held[f.peer(1)] = {f.announcement(102)};
  CHECK(f.find() == Keys{key(102)});
  CHECK(f.net.stats(f.a).records_invalid == 1);
}

TEST_CASE("announcements out of order are not taken because they may never end") {
  Finding f;
  std::vector<Record> records{f.announcement(100), f.announcement(101)};
  std::ranges::sort(records, std::greater(), key_of);
  f.answer_instead = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    if (one.to != f.peer(0)) return wire::Providers{};
    return wire::Providers{{}, records, true};
  };
  CHECK(f.find() == Keys{records[0].owner});
  CHECK(f.net.stats(f.a).records_invalid == 1);
}

TEST_CASE("a page that goes back is not taken") {
  Finding f;
  const Record record = f.announcement(100);
  f.answer_instead = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    if (one.to != f.peer(0)) return wire::Providers{};
    return wire::Providers{{}, {record}, true};
  };
  CHECK(f.find() == Keys{key(100)});
  CHECK(f.net.stats(f.a).records_invalid == 1);
  CHECK(f.asked() == 4 + 1);
}

TEST_CASE("a reply of another kind is a failure of who sent it") {
  Finding f;
  f.held[f.peer(1)] = {f.announcement(100)};
  const auto honest = f.net.raw_answer;
  f.net.raw_answer = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    if (one.to == f.peer(0)) return wire::Nodes{};
    return honest(one);
  };
  CHECK(f.find() == Keys{key(100)});
  CHECK(f.asked() == 5);  // one more in its place
}

TEST_CASE("who is known to have withdrawn is not given") {
  Finding f;
  f.held[f.peer(0)] = {f.withdrawal(100, 2), f.announcement(101, 2)};
  f.held[f.peer(1)] = {f.announcement(100, 1), f.withdrawal(101, 1)};
  f.net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    return one.to == f.peer(0) ? Duration::zero() : std::chrono::milliseconds(5);
  };
  CHECK(f.find() == Keys{key(101)});
}

TEST_CASE("announcements are believed as long after their end as clocks may differ") {
  Finding f;
  f.held[f.peer(0)] = {f.announcement(100, 1, {}, -minutes(9)),
                       f.announcement(101, 1, {}, -minutes(10))};
  CHECK(f.find() == Keys{key(100)});
}

TEST_CASE("a provider that gave no address is given with the one where this node reached it") {
  Finding f;
  const Host provider = f.peer(5);
  const Record record =
      records::provider(f.net.identity(provider), kWhat, 1, {}, f.net.wall() + hours(1));
  f.held[f.peer(0)] = {record};
  f.find();
  const auto given = f.net.items<Provider>(f.a, f.op);
  REQUIRE(given.size() == 1);
  CHECK(given[0].contact == f.net.contact(provider));
}

TEST_CASE("the own store counts even if nobody else can be reached") {
  Finding f;
  f.net.inject(f.a, f.peer(0), wire::Message{7, wire::Store{f.announcement(100)}});
  for (const Host peer : f.peers) f.net.take_down(peer);
  CHECK(f.find() == Keys{key(100)});
}

TEST_CASE("nobody known as a provider is no error and nobody reached is one") {
  Finding f;
  CHECK(f.find().empty());
  for (const Host peer : f.peers) f.net.take_down(peer);
  const OpId op = f.net.start(f.a, FindProvidersRequest{kWhat, 20});
  f.net.run_until([&] { return f.net.ended(f.a, op); });
  const auto ended = f.net.result<void>(f.a, op);
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == Errc::unreachable);
}

TEST_CASE("slow nodes are waited for only if nobody else knows a provider") {
  Finding f;
  const Host last = f.peer(3);
  f.net.on_send = [&](const Drive::Sent& one) -> std::optional<Duration> {
    return one.to == last ? seconds(3) : Duration::zero();
  };
  f.held[last] = {f.announcement(100)};
  SUBCASE("waited for") {
    CHECK(f.find() == Keys{key(100)});
    CHECK(f.net.now().at - Drive::kStart >= seconds(3));
  }
  SUBCASE("not waited for") {
    f.held[f.peer(0)] = {f.announcement(101)};
    CHECK(f.find() == Keys{key(101)});
    CHECK(f.net.now().at - Drive::kStart < seconds(2));
  }
}

TEST_CASE("a node that fails at its second page costs only what it had there") {
  Finding f(1);
  for (Byte owner = 100; owner < 103; ++owner) f.held[f.peer(0)].push_back(f.announcement(owner));
  f.held[f.peer(1)] = {f.announcement(110)};
  const auto honest = f.net.raw_answer;
  f.net.raw_answer = [&](const Drive::Sent& one) -> std::optional<wire::Body> {
    const auto* request = std::get_if<wire::FindProviders>(&one.message.body);
    if (one.to == f.peer(0) && request != nullptr && request->after) {
      return wire::Failure{wire::FailureCode::busy, ""};
    }
    return honest(one);
  };
  const auto found = f.find_set();
  CHECK(found.size() == 2);
  CHECK(found.contains(key(110)));
}

TEST_CASE("a search for providers that ends early says after how many") {
  Finding f;
  f.held[f.peer(0)] = {f.announcement(100)};
  for (std::size_t i = 1; i < 6; ++i) f.net.freeze(f.peer(i));
  const OpId op = f.net.start(f.a, FindProvidersRequest{kWhat, 20}, std::chrono::milliseconds(100));
  f.net.run_until([&] { return f.net.ended(f.a, op); });
  const auto ended = f.net.result<void>(f.a, op);
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == Errc::timeout);
  CHECK(ended.error().detail.find("1 provider") != std::string::npos);
}
