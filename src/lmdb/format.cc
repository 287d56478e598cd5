#include "lmdb/format.h"

#include <isa-l/crc64.h>

#include <algorithm>

#include "store/index.h"

namespace kadmos {

Standing standing_of(const Key& key, const StoredRecord& record) {
  const PublicKey* owner = owner_of(record);
  return {.expiry = record.expiry,
          .group = record.group,
          .owner = owner == nullptr ? PublicKey{} : *owner,
          .bytes = stored_bytes(record.record),
          .own = record.own,
          .floor = is_floor(record),
          .sequence = record.record.sequence,
          .fingerprint = fingerprint(key, record.record)};
}

namespace format {
namespace {

constexpr std::size_t kRecordHead = 1 + 1 + 4 * 8 + 32 + 64 + 2;
constexpr std::size_t kExpiryRow = 1 + 8 + 32 + 3 * 8 + 8;

constexpr std::uint64_t kFloor = 2;  // in the place of a number of Own

class Writer {
 public:
  explicit Writer(std::size_t size) { out_.reserve(size); }
  void add(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void add(std::uint64_t number, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out_.push_back(static_cast<Byte>(number >> (8 * i)));
  }
  // The row, with a checksum over it and `key`.
  Bytes sealed(ByteView key) && {
    add(checksum(out_, checksum(key)), 8);
    return std::move(out_);
  }

 private:
  Bytes out_;
};

// Reads from the front; the caller knows that there is enough.
class Reader {
 public:
  explicit Reader(ByteView bytes) : left_(bytes) {}
  ByteView take(std::size_t n) {
    const ByteView out = left_.first(n);
    left_ = left_.subspan(n);
    return out;
  }
  std::uint64_t number(std::size_t bytes) {
    std::uint64_t out = 0;
    for (const Byte byte : take(bytes)) out = out << 8 | byte;
    return out;
  }
  template <std::size_t N>
  void into(ByteArray<N>& out) {
    std::ranges::copy(take(N), out.begin());
  }
  std::size_t left() const { return left_.size(); }

 private:
  ByteView left_;
};

constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
std::uint64_t sortable(WallTime time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count()) ^ kSign;
}
WallTime time_of(std::uint64_t sortable) {
  return WallTime(WallTime::duration(static_cast<std::int64_t>(sortable ^ kSign)));
}

// The row without its checksum; nothing if that does not fit.
std::optional<ByteView> unsealed(ByteView key, ByteView row) {
  if (row.size() < 8) return std::nullopt;
  const ByteView content = row.first(row.size() - 8);
  if (Reader(row.last(8)).number(8) != checksum(content, checksum(key))) return std::nullopt;
  return content;
}

std::optional<StoredRecord> parse_content(ByteView content) {
  if (content.size() < kRecordHead) return std::nullopt;
  Reader in(content);
  StoredRecord out;
  const std::uint64_t type = in.number(1);
  if (type < 1 || type > 5) return std::nullopt;
  out.record.type = static_cast<RecordType>(type);
  const std::uint64_t own = in.number(1);
  if (own > static_cast<std::uint64_t>(Own::lapsed) || own == kFloor) return std::nullopt;
  out.own = static_cast<Own>(own);
  out.group = in.number(8);
  out.expiry = time_of(in.number(8));
  out.record.expiry = time_of(in.number(8));
  out.record.sequence = in.number(8);
  in.into(out.record.owner.bytes);
  in.into(out.record.signature);
  const std::size_t name = in.number(2);
  if (name > in.left()) return std::nullopt;
  out.record.name = to_bytes(in.take(name));
  out.record.value = to_bytes(in.take(in.left()));
  return out;
}

}  // namespace

std::uint64_t checksum(ByteView bytes, std::uint64_t before) {
  return ::crc64_ecma_refl(before, bytes.data(), bytes.size());
}

Bytes record_row(const Key& key, const StoredRecord& stored) {
  const Record& record = stored.record;
  Writer out(kRecordHead + record.name.size() + record.value.size() + 8);
  out.add(static_cast<std::uint64_t>(record.type), 1);
  out.add(static_cast<std::uint64_t>(stored.own), 1);
  out.add(stored.group, 8);
  out.add(sortable(stored.expiry), 8);
  out.add(sortable(record.expiry), 8);
  out.add(record.sequence, 8);
  out.add(record.owner.bytes);
  out.add(record.signature);
  out.add(record.name.size(), 2);
  out.add(record.name);
  out.add(record.value);
  return std::move(out).sealed(key.bytes());
}

std::optional<StoredRecord> parse_record(const Key& key, ByteView row) {
  const auto content = unsealed(key.bytes(), row);
  return content ? parse_content(*content) : std::nullopt;
}

std::optional<std::pair<Key, StoredRecord>> parse_lone_record(ByteView row) {
  if (row.size() < kRecordHead + 8) return std::nullopt;
  auto record = parse_content(row.first(row.size() - 8));
  if (!record || is_floor(*record)) return std::nullopt;
  const Key key = key_of(record->record);
  if (!unsealed(key.bytes(), row)) return std::nullopt;
  return std::pair(key, *std::move(record));
}

std::size_t record_row_bytes(const Standing& standing) {
  return kRecordHead + standing.bytes - kRecordOverhead + 8;
}

ByteArray<72> expiry_key(WallTime expiry, const Key& key) {
  ByteArray<72> out{};
  const std::uint64_t time = sortable(expiry);
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<Byte>(time >> (56 - 8 * i));
  std::ranges::copy(key.bytes(), out.begin() + 8);
  return out;
}

Bytes expiry_row(ByteView expiry_key, const Standing& standing) {
  Writer out(kExpiryRow);
  out.add(standing.floor ? kFloor : static_cast<std::uint64_t>(standing.own), 1);
  out.add(standing.group, 8);
  out.add(standing.owner.bytes);
  out.add(standing.bytes, 8);
  out.add(standing.sequence, 8);
  out.add(standing.fingerprint, 8);
  return std::move(out).sealed(expiry_key);
}

std::optional<std::pair<Key, Standing>> parse_expiry(ByteView expiry_key, ByteView row) {
  if (expiry_key.size() != 72 || row.size() != kExpiryRow) return std::nullopt;
  const auto content = unsealed(expiry_key, row);
  if (!content) return std::nullopt;
  Standing out;
  out.expiry = time_of(Reader(expiry_key).number(8));
  Reader in(*content);
  const std::uint64_t kind = in.number(1);
  if (kind > static_cast<std::uint64_t>(Own::lapsed)) return std::nullopt;
  out.floor = kind == kFloor;
  if (!out.floor) out.own = static_cast<Own>(kind);
  out.group = in.number(8);
  in.into(out.owner.bytes);
  out.bytes = in.number(8);
  out.sequence = in.number(8);
  out.fingerprint = in.number(8);
  return std::pair(*Key::from_bytes(expiry_key.subspan(8)), out);
}

}  // namespace format
}  // namespace kadmos
