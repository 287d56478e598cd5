// What a report shows of results: which figures, of what, and what one sees in them.
#pragma once

#include <string>
#include <vector>

#include "cli/common/json.h"
#include "cli/dht-sim/chart.h"

namespace kadmos::cli {

struct Figure {
  std::string heading;
  std::string words;  // what one sees
  Chart chart;
};

// Those for which the results have something to show. Each result has a colour.
std::vector<Figure> figures_of(const std::vector<Json>& results);

// What each result is called beside the others: in what its settings differ from theirs.
std::vector<std::string> labels_of(const std::vector<Json>& results);

// With enough digits to tell figures apart, and no more.
std::string show_number(double value);

}  // namespace kadmos::cli
