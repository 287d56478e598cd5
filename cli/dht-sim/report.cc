// dht-sim report: one page of results that were kept, each in its colour.
#include <fmt/core.h>

#include "cli/common/exit_code.h"
#include "cli/common/files.h"
#include "cli/dht-sim/chart.h"
#include "cli/dht-sim/commands.h"
#include "cli/dht-sim/gnuplot.h"
#include "cli/dht-sim/page.h"
#include "cli/dht-sim/result_file.h"

namespace kadmos::cli {

int report(const ReportOptions& options) {
  if (options.results.size() > kColours) {
    return fail(Error(Errc::invalid_argument,
                      fmt::format("at most {} results can be told apart on a page", kColours)));
  }
  std::vector<Json> results;
  for (const std::string& file : options.results) {
    auto result = load_result(file);
    if (!result) return fail(result.error());
    results.push_back(*std::move(result));
  }
  if (auto found = find_gnuplot(); !found) return fail(found.error());
  const auto page = page_of(results);
  if (!page) return fail(page.error());
  if (auto written = write_text(options.html_file, *page); !written) return fail(written.error());
  return kOk;
}

}  // namespace kadmos::cli
