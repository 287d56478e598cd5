// One function a command; each gives the exit code.
#pragma once

#include "cli/dht-cli/session.h"

namespace kadmos::cli {

int run(Session& session, const GetCommand& command);
int run(Session& session, const WatchCommand& command);
int run(Session& session, const AuditCommand& command);
int run(Session& session, const SetCommand& command);
int run(Session& session, const PutCommand& command);
int run(Session& session, const DelCommand& command);
int run(Session& session, const ProvideCommand& command);
int run(Session& session, const FindProvidersCommand& command);
int run(Session& session, const ImportCommand& command);
int run(Session& session, const ExportCommand& command);
int run(Session& session, const RenewCommand& command);
int run(Session& session, const KeyCommand& command);
int run(Session& session, const StatusCommand& command);
int run(Session& session, const PeersCommand& command);
int run(Session& session, const PingCommand& command);
int run(Session& session, const WhoamiCommand& command);
int run(Session& session, const WhoisCommand& command);

}  // namespace kadmos::cli
