#include "cli/dht-node/recovery.h"

#include <fmt/core.h>

#include "cli/common/data_dir.h"
#include "cli/common/exit_code.h"
#include "cli/common/files.h"
#include "cli/common/text.h"
#include "lmdb/recovery.h"

namespace kadmos::cli {
namespace {

int fail(const Error& error) {
  fmt::print(stderr, "dht-node: {}\n", printable(error.detail));
  return kError;
}

void print(const Recovery::Report& report, const std::string& path) {
  for (const std::string& what : report.wrong) fmt::print("{}: {}\n", printable(path), what);
  for (const auto& [key, why] : report.lost) fmt::print("lost {}: {}\n", key.hex(), why);
  fmt::print("{}: {} records are whole ({} own), and {} floors; {} are lost{}\n", printable(path),
             report.records, report.own, report.floors, report.lost.size(),
             report.all_named ? "" : ", and perhaps others that nothing names");
}

}  // namespace

int run_recovery(const NodeOptions& options) {
  const bool salvage = options.task == NodeOptions::Task::salvage;
  auto lock = lock_file(lock_path(options.data_dir));
  if (!lock) {
    if (lock.error().code != Errc::busy) return fail(lock.error());
    return fail(Error(Errc::busy, "the data directory " + options.data_dir +
                                      " is in use by a dht-node; end that first"));
  }
  const std::string path = records_path(options.data_dir);
  auto opened = Recovery::open(path, options.config.network);
  if (!opened) return fail(opened.error());
  const Recovery::Report& report = (*opened)->report();
  if (!report.network.empty() && report.network != options.config.network) {
    return fail(Error(Errc::invalid_argument, "the file of records is of the network \"" +
                                                  report.network +
                                                  "\": give its name with --network"));
  }
  print(report, path);
  if (salvage) {
    const auto aside = (*opened)->salvage();
    if (!aside) return fail(aside.error());
    fmt::print("rescued {} records and {} floors into {}; the old file is {}\n", report.records,
               report.floors, printable(path), printable(*aside));
  }
  // A damaged index, or list of free pages, costs no record.
  const bool well = salvage ? report.lost.empty() && report.all_named : report.whole();
  return well ? kOk : kStorage;
}

}  // namespace kadmos::cli
