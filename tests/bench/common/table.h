// What is done to a network under measurement, the table that comes of it, and the file.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/common/load.h"

namespace kadmos::bench {

void print_head();
void print_row(const Work& work, Health health, const Figures& figures);
// Stores what there is to get, spoils the network, puts each work on it that it offers, and prints
// a row for each; gives the rows.
Json survey(Network& network, Health health, const std::vector<Work>& works);
// Ends the program if the file cannot be written; "-" is stdout.
void write_json(const std::string& file, const Json& json);

}  // namespace kadmos::bench
