// The table that the benches of whole networks print, and the file they write.
#pragma once

#include <string>

#include "tests/bench/common/load.h"

namespace kadmos::bench {

void print_head();
void print_row(const Work& work, Health health, const Figures& figures);
// Ends the program if the file cannot be written; "-" is stdout.
void write_json(const std::string& file, const Json& json);

}  // namespace kadmos::bench
