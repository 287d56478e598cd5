// What a node keeps between runs, and where: its identity, the peers it knew, its records.
#pragma once

#include <string>
#include <vector>

#include "kadmos/contact.h"
#include "kadmos/identity.h"
#include "kadmos/result.h"

namespace kadmos::cli {

// $XDG_DATA_HOME/kadmos, or ~/.local/share/kadmos; ".kadmos" for a user without a home.
std::string default_data_dir();

std::string key_path(const std::string& data_dir);      // identity.key
std::string peers_path(const std::string& data_dir);    // peers
std::string records_path(const std::string& data_dir);  // records.mdb
std::string lock_path(const std::string& data_dir);     // lock
std::string control_path(const std::string& data_dir);  // control.sock

// A key file is three lines of text: a title, the secret, and the public key that belongs to it, by
// which damage is noticed. Only its owner may read it.

// Errors: not_found (no such file), io (unreadable, damaged, or open to others).
Result<Identity> load_identity(const std::string& path);
// A new identity in a new file. Errors: io (there is one already, too).
Result<Identity> create_identity(const std::string& path);

// A peers file has a line "<key> <endpoint>... proved=<seconds since 1970>" a peer, and at its end
// a line "sum <digits>", by which damage is noticed. It is a hint where to look for the network,
// and how many nodes there were, no more: so what can be read of a damaged one is used. A word of
// the form name=value that is not known is passed over. A line without a time, as older versions
// wrote them, is of a peer proved long ago. Only the first 128 peers are kept, as many as a node
// remembers, and only the first 256 KiB are read.
struct RememberedPeers {
  std::vector<Acquaintance> peers;
  // What is wrong with the file, what could not be read, and how many peers could, in a sentence.
  // Empty if all is as it was written.
  std::string damage;
};
Result<RememberedPeers> load_peers(const std::string& path);
Result<void> save_peers(const std::string& path, const std::vector<Acquaintance>& peers);

}  // namespace kadmos::cli
