#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "crypto/sha512.h"
#include "kadmos/identity.h"
#include "support/records.h"

using namespace kadmos;

namespace {

template <std::size_t N>
ByteArray<N> array_of(std::string_view hex) {
  const auto bytes = from_hex(hex);
  REQUIRE(bytes);
  REQUIRE(bytes->size() == N);
  ByteArray<N> out{};
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return out;
}

// RFC 8032, section 7.1, tests 1 to 3.
struct Vector {
  const char* seed;
  const char* key;
  const char* message;
  const char* signature;
};
constexpr std::array<Vector, 3> kVectors = {{
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
}};

}  // namespace

TEST_CASE("identities sign and verify as RFC 8032 says") {
  for (const Vector& vector : kVectors) {
    const auto identity = Identity::from_seed(Seed{array_of<32>(vector.seed)});
    const auto message = *from_hex(vector.message);
    CHECK(identity.public_key().hex() == vector.key);
    CHECK(identity.seed() == array_of<32>(vector.seed));
    CHECK(to_hex(identity.sign(message)) == vector.signature);
    CHECK(verify(*PublicKey::from_hex(vector.key), message, array_of<64>(vector.signature)));
  }
}

TEST_CASE("a guarded identity is the same as one that is not") {
  for (const Vector& vector : kVectors) {
    const Seed seed{array_of<32>(vector.seed)};
    auto made = Identity::guarded(seed);
    const Identity identity = std::move(made);
    CHECK(identity.public_key().hex() == vector.key);
    CHECK(identity.seed() == seed);
    CHECK(to_hex(identity.sign(*from_hex(vector.message))) == vector.signature);
  }
  CHECK(!Identity::from_seed(Seed{}).locked());
}

TEST_CASE("a seed that goes leaves nothing behind") {
  alignas(Seed) ByteArray<sizeof(Seed)> memory{};
  auto* seed = new (memory.data()) Seed{};
  seed->fill(7);
  CHECK(memory[31] == 7);
  seed->~Seed();
  CHECK(memory == ByteArray<sizeof(Seed)>{});
}

TEST_CASE("a signature fits neither another message nor another key nor itself changed") {
  const auto alice = records::identity(1);
  const auto bob = records::identity(2);
  const auto message = to_bytes("hello");
  const Signature good = alice.sign(message);
  CHECK(verify(alice.public_key(), message, good));
  CHECK(!verify(bob.public_key(), message, good));
  CHECK(!verify(alice.public_key(), to_bytes("hellp"), good));
  CHECK(!verify(alice.public_key(), Bytes{}, good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    Signature changed = good;
    changed[i] ^= 1;
    CHECK(!verify(alice.public_key(), message, changed));
  }
}

TEST_CASE("bytes that are no point of the curve verify nothing") {
  PublicKey nonsense;
  nonsense.bytes.fill(0xff);
  CHECK(!verify(nonsense, to_bytes("hello"), Signature{}));
  CHECK(!verify(records::identity(1).public_key(), to_bytes("hello"), Signature{}));
}

TEST_CASE(
    "a key of small order, which would make one signature fit all messages, verifies nothing") {
  PublicKey neutral;
  neutral.bytes[0] = 1;
  Signature everybody{};
  everybody[0] = 1;  // R = S * B - h * A holds for all h
  CHECK(!verify(neutral, to_bytes("hello"), everybody));
}

TEST_CASE("the id of a node is the tagged hash of its public key") {
  const auto identity = Identity::from_seed(Seed{array_of<32>(kVectors[0].seed)});
  // SHA-512("kadmos:node:1" || key), computed elsewhere.
  CHECK(identity.id().hex() ==
        "7fd109a074b097eced26f133aa60ecb2200fa593f231552a91a4905040b60cce"
        "e05437daf4bf3ae9499ecd2d579499e5b46f20d861f908f8f646f21ad12ef029");
  CHECK(id_of(identity.public_key()) == identity.id());
}

TEST_CASE("an identity moves with its secret") {
  auto first = records::identity(1);
  const auto key = first.public_key();
  auto second = std::move(first);
  CHECK(second.public_key() == key);
  auto third = records::identity(3);
  third = std::move(second);
  CHECK(third.public_key() == key);
  CHECK(verify(key, to_bytes("x"), third.sign(to_bytes("x"))));
}

TEST_CASE("a public key is read from exactly 64 digits") {
  const auto key = records::identity(1).public_key();
  CHECK(PublicKey::from_hex(key.hex()) == key);
  CHECK(!PublicKey::from_hex(key.hex().substr(2)));
  CHECK(!PublicKey::from_hex(key.hex() + "00"));
  CHECK(!PublicKey::from_hex(key.hex().substr(1) + "x"));
}

TEST_CASE("SHA-512 gives the known digests in one piece or several") {
  CHECK(to_hex(Sha512().digest()) ==
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
        "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e");
  const auto* const abc =
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
  CHECK(to_hex(Sha512().add(view_of("abc")).digest()) == abc);
  CHECK(to_hex(Sha512("a").add(view_of("b")).add(view_of("c")).digest()) == abc);
}
