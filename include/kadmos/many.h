// Many keys at once, for less than one by one: an import, an export, a node that provides all it
// has.
//
//   auto receipts = set_many(node, std::move(entries));
//   while (true) {
//     auto next = co_await receipts.next();
//     if (!next || !*next) break;                           // all were given
//     if (!(*next)->result) report(entries[(*next)->index]);
//   }
//
// Each stream gives one result for each input, in the order they end, and then ends. Dropping it
// ends what is under way and begins no more. Nothing is lost in its buffer, which holds them all.
//
// The inputs are sorted by their keys and dealt out in as many stretches as run at once. Within a
// stretch one follows the other, and its search begins with those who answered the one before:
// neighbouring keys have nearly the same nearest nodes, so it begins where it will end, over
// connections that are open. Inputs of one key are done in the order given.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "kadmos/node.h"
#include "kadmos/stream.h"

namespace kadmos {

// What became of one input.
template <class T>
struct Done {
  std::size_t index = 0;  // among the inputs
  Result<T> result;
};

// What to store.
struct Entry {
  std::optional<std::string> name;  // nothing: immutable content, as by put
  Bytes value;
  std::optional<std::chrono::milliseconds> ttl;  // as in SetOptions
  // Of a named value that was written down, in a backup say: the sequence it had then. It is set
  // only if no other value is known with that sequence or a higher one, nor a deletion: else
  // Errc::conflict. It gets its old sequence again, or the next one if replicas remember that it
  // expired. If it is there already nothing is stored, and Receipt::target is 0; but a value
  // without a lifetime that this node does not keep for its user yet is set anew, so that it does.
  std::optional<std::uint64_t> sequence{};
};

struct ManyOptions {
  // Operations running, at most Limits::operations. With many more, a large network's nodes exceed
  // Limits::dials and Limits::connections: what is asked then fails or is dialled again and again.
  std::size_t at_once = 16;
  // Of each; default Config::operation_timeout. An entry with a sequence is read before it is set,
  // and may be set twice: it has as long for each.
  std::optional<Duration> timeout{};
  // As in SetOptions; must outlive the stream.
  const Identity* owner = nullptr;
  bool accept_small = false;  // as in SetOptions
};

// Sets and puts. Each result is that of Node::set or Node::put, or see Entry::sequence.
Stream<Done<Receipt>> set_many(Node& node, std::vector<Entry> entries, ManyOptions options = {});
// Each result is that of Node::get.
Stream<Done<Found>> get_many(Node& node, std::vector<Key> keys, ManyOptions options = {});
// Each result is that of Node::provide.
Stream<Done<Receipt>> provide_many(Node& node, std::vector<Key> keys, ManyOptions options = {});
// Each result is that of Node::renew.
Stream<Done<Receipt>> renew_many(Node& node, std::vector<Key> keys, ManyOptions options = {});

}  // namespace kadmos
