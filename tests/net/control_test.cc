// The control socket: requests, replies, cancellation and the socket file.
#include "uv/control.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "kadmos/uv.h"

namespace kadmos {
namespace {

// A directory of its own for each test.
struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kadmos-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string socket() const { return (path / "control").string(); }
};

ControlServer::Handler echo() {
  return [](ByteView request, const ControlServer::Reply& reply) -> std::shared_ptr<void> {
    reply(to_bytes(request));
    return nullptr;
  };
}

// Says when it is destroyed.
struct Held {
  bool* gone;
  std::function<void()> then;
  ~Held() {
    *gone = true;
    then();
  }
};

TEST_CASE("A control request gets its reply byte for byte") {
  const Folder folder;
  UvLoop loop;
  const auto server = ControlServer::listen(loop, folder.socket(), echo());
  REQUIRE(server.ok());
  Bytes request;
  for (int i = 0; i < 300'000; ++i) request.push_back(static_cast<Byte>(i));
  for (const Bytes& sent : {request, Bytes(), Bytes{0, 255, 10}}) {
    const auto reply = loop.run_until(control_request(loop, folder.socket(), sent));
    REQUIRE(reply.ok());
    CHECK(*reply == sent);
  }
}

TEST_CASE("A control handler may reply later") {
  const Folder folder;
  UvLoop loop;
  std::vector<std::unique_ptr<UvLoop::Handle>> timers;
  const auto server = ControlServer::listen(
      loop, folder.socket(), [&](ByteView request, const ControlServer::Reply& reply) {
        timers.push_back(loop.after(std::chrono::milliseconds(1),
                                    [reply, answer = to_bytes(request)] { reply(answer); }));
        return std::shared_ptr<void>();
      });
  REQUIRE(server.ok());
  const auto reply = loop.run_until(control_request(loop, folder.socket(), view_of("later")));
  REQUIRE(reply.ok());
  CHECK(text_of(*reply) == "later");
}

TEST_CASE("A control client that goes away cancels its request") {
  const Folder folder;
  UvLoop loop;
  bool gone = false;
  std::optional<Future<Bytes>> asking;
  ControlServer::Reply late;
  const auto server =
      ControlServer::listen(loop, folder.socket(), [&](ByteView, ControlServer::Reply reply) {
        late = std::move(reply);
        loop.post([&] { asking.reset(); });
        return std::make_shared<Held>(Held{&gone, [&] { loop.stop(); }});
      });
  REQUIRE(server.ok());
  asking.emplace(control_request(loop, folder.socket(), view_of("never")));
  gone = false;
  loop.run();
  CHECK(gone);
  late(to_bytes("nobody hears this"));
}

TEST_CASE("A control request may be answered by several frames") {
  const Folder folder;
  UvLoop loop;
  const auto server = ControlServer::listen(
      loop, folder.socket(), [&](ByteView request, const ControlServer::Reply& reply) {
        CHECK(text_of(request) == "count");
        reply.more(to_bytes("one")).detach();
        reply.more(to_bytes("two")).detach();
        loop.post([reply] { reply(to_bytes("three")); });
        return std::shared_ptr<void>();
      });
  REQUIRE(server.ok());
  auto frames = control_stream(loop, folder.socket(), view_of("count"));
  for (const std::string_view expected : {"one", "two", "three"}) {
    const auto frame = loop.run_until(frames.next());
    REQUIRE(frame.ok());
    REQUIRE(*frame);
    CHECK(text_of(**frame) == expected);
  }
}

TEST_CASE("A control frame is taken when the client has read it and no sooner") {
  const Folder folder;
  UvLoop loop;
  int taken = 0;
  std::optional<Future<void>> writing;
  std::optional<ControlServer::Reply> reply;
  const Bytes frame(512 * 1024, 'x');
  std::function<void()> write_more = [&] {
    writing = reply->more(frame).then([&](const Result<void>& result) {
      if (!result) return;
      ++taken;
      loop.post(write_more);
    });
  };
  const auto server =
      ControlServer::listen(loop, folder.socket(), [&](ByteView, const ControlServer::Reply& to) {
        reply = to;
        write_more();
        return std::shared_ptr<void>();
      });
  REQUIRE(server.ok());
  // A client that reads nothing: what the kernel holds between the two is all that is taken.
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  folder.socket().copy(address.sun_path, sizeof address.sun_path - 1);
  const int client = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(write(client, "4:take,", 7) == 7);
  for (int i = 0; i < 200; ++i) {
    auto turn = loop.after(std::chrono::milliseconds(0), [&] { loop.stop(); });
    loop.run();
  }
  REQUIRE(writing);
  CHECK_FALSE(writing->ready());
  CHECK(taken < 8);
  const int before = taken;
  std::vector<char> buffer(64 * 1024);
  while (taken == before) {
    REQUIRE(read(client, buffer.data(), buffer.size()) > 0);
    auto turn = loop.after(std::chrono::milliseconds(0), [&] { loop.stop(); });
    loop.run();
  }
  CHECK(taken > before);
  close(client);
}

TEST_CASE("A control client that stops listening to several frames cancels its request") {
  const Folder folder;
  UvLoop loop;
  bool gone = false;
  std::optional<Stream<Bytes>> frames;
  const auto server = ControlServer::listen(
      loop, folder.socket(), [&](ByteView, const ControlServer::Reply& reply) {
        reply.more(to_bytes("one")).detach();
        return std::shared_ptr<void>(nullptr, [&](std::nullptr_t) {
          gone = true;
          loop.stop();
        });
      });
  REQUIRE(server.ok());
  frames.emplace(control_stream(loop, folder.socket(), view_of("x")));
  REQUIRE(loop.run_until(frames->next()).ok());
  CHECK_FALSE(gone);
  frames.reset();
  loop.run();
  CHECK(gone);
}

TEST_CASE("A control client learns that the server ended before the last frame") {
  const Folder folder;
  UvLoop loop;
  std::unique_ptr<ControlServer> server;
  auto made = ControlServer::listen(loop, folder.socket(),
                                    [&](ByteView, const ControlServer::Reply& reply) {
                                      reply.more(to_bytes("one")).detach();
                                      return std::shared_ptr<void>();
                                    });
  REQUIRE(made.ok());
  server = std::move(*made);
  auto frames = control_stream(loop, folder.socket(), view_of("x"));
  CHECK(loop.run_until(frames.next()).ok());
  server.reset();
  const auto next = loop.run_until(frames.next());
  REQUIRE_FALSE(next.ok());
  CHECK(next.error().code == Errc::closed);
}

TEST_CASE("A control server that ends drops what is pending and its clients learn it") {
  const Folder folder;
  UvLoop loop;
  bool gone = false;
  std::unique_ptr<ControlServer> server;
  auto made =
      ControlServer::listen(loop, folder.socket(), [&](ByteView, const ControlServer::Reply&) {
        loop.post([&] { server.reset(); });
        return std::make_shared<Held>(Held{&gone, [] {}});
      });
  REQUIRE(made.ok());
  server = std::move(*made);
  gone = false;
  const auto reply = loop.run_until(control_request(loop, folder.socket(), view_of("x")));
  REQUIRE(!reply.ok());
  CHECK(reply.error().code == Errc::closed);
  CHECK(gone);
  CHECK(!std::filesystem::exists(folder.socket()));
}

TEST_CASE("A control handler may destroy the server") {
  const Folder folder;
  UvLoop loop;
  std::unique_ptr<ControlServer> server;
  auto made =
      ControlServer::listen(loop, folder.socket(), [&](ByteView, const ControlServer::Reply&) {
        server.reset();
        return std::shared_ptr<void>();
      });
  REQUIRE(made.ok());
  server = std::move(*made);
  const auto reply = loop.run_until(control_request(loop, folder.socket(), view_of("x")));
  REQUIRE(!reply.ok());
  CHECK(reply.error().code == Errc::closed);
}

TEST_CASE("The control socket file is private and a stale one is replaced") {
  const Folder folder;
  UvLoop loop;
  {
    auto first = ControlServer::listen(loop, folder.socket(), echo());
    REQUIRE(first.ok());
    struct stat info {};
    REQUIRE(stat(folder.socket().c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    // What a killed daemon leaves behind: a socket file without a listener.
    REQUIRE(link(folder.socket().c_str(), (folder.socket() + ".left").c_str()) == 0);
  }
  REQUIRE(rename((folder.socket() + ".left").c_str(), folder.socket().c_str()) == 0);
  const auto lost = loop.run_until(control_request(loop, folder.socket(), view_of("x")));
  REQUIRE(!lost.ok());
  CHECK(lost.error().code == Errc::unreachable);
  const auto second = ControlServer::listen(loop, folder.socket(), echo());
  REQUIRE(second.ok());
  CHECK(loop.run_until(control_request(loop, folder.socket(), view_of("x"))).ok());
}

TEST_CASE("A control socket that somebody serves is not taken over") {
  const Folder folder;
  UvLoop loop;
  const auto first = ControlServer::listen(loop, folder.socket(), echo());
  REQUIRE(first.ok());
  const auto second = ControlServer::listen(loop, folder.socket(), echo());
  REQUIRE(!second.ok());
  CHECK(second.error().code == Errc::address_in_use);
  CHECK(loop.run_until(control_request(loop, folder.socket(), view_of("x"))).ok());
}

TEST_CASE("A control path that is no socket or too long is refused") {
  const Folder folder;
  UvLoop loop;
  std::ofstream(folder.socket()) << "precious";
  const auto server = ControlServer::listen(loop, folder.socket(), echo());
  REQUIRE(!server.ok());
  CHECK(server.error().code == Errc::invalid_argument);
  CHECK(std::filesystem::file_size(folder.socket()) == 8);
  const std::string endless(200, 'x');
  const auto too_long = ControlServer::listen(loop, endless, echo());
  REQUIRE(!too_long.ok());
  CHECK(too_long.error().code == Errc::invalid_argument);
  const auto asked = loop.run_until(control_request(loop, endless, view_of("x")));
  REQUIRE(!asked.ok());
  CHECK(asked.error().code == Errc::invalid_argument);
}

TEST_CASE("A control request without a daemon says so") {
  const Folder folder;
  UvLoop loop;
  const auto reply = loop.run_until(control_request(loop, folder.socket(), view_of("x")));
  REQUIRE(!reply.ok());
  CHECK(reply.error().code == Errc::unreachable);
}

TEST_CASE("A control request above the cap is refused on the spot") {
  UvLoop loop;
  const auto reply = loop.run_until(control_request(loop, "unused", Bytes(kControlFrameBytes + 1)));
  REQUIRE(!reply.ok());
  CHECK(reply.error().code == Errc::too_large);
}

}  // namespace
}  // namespace kadmos
