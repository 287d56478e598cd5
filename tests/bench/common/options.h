// What several benches are asked alike, declared once.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>

namespace kadmos::bench {

void add_nodes(CLI::App& app, std::size_t& nodes, std::size_t most);
void add_k(CLI::App& app, int& k);
void add_seconds(CLI::App& app, double& seconds);
void add_rounds(CLI::App& app, int& rounds);
// For write_json().
void add_json(CLI::App& app, std::string& file);

}  // namespace kadmos::bench
