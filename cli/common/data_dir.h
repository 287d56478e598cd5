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

// A peers file has a line "<key> <endpoint>..." a peer. Lines that are none are passed over: it is
// a hint where to look for the network, no more.
Result<std::vector<Bootstrap>> load_peers(const std::string& path);
Result<void> save_peers(const std::string& path, const std::vector<Contact>& peers);

}  // namespace kadmos::cli
