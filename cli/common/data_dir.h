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

// A peers file has a line "<key> <endpoint>... proved=<seconds since 1970>" a peer. Lines that are
// none are passed over, and so are words that are none of these: it is a hint where to look for the
// network, and how many nodes there were, no more. A line without a time, as older versions wrote
// them, is of a peer proved long ago. Only the first 128 peers are kept, as many as a node
// remembers.
Result<std::vector<Acquaintance>> load_peers(const std::string& path);
Result<void> save_peers(const std::string& path, const std::vector<Acquaintance>& peers);

}  // namespace kadmos::cli
