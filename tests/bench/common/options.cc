#include "tests/bench/common/options.h"

namespace kadmos::bench {

void add_nodes(CLI::App& app, std::size_t& nodes, std::size_t most) {
  app.add_option("--nodes", nodes, "Nodes in a network")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{8}, most))
      ->type_name("N");
}

void add_k(CLI::App& app, int& k) {
  app.add_option("--k", k, "Replicas and bucket size")
      ->capture_default_str()
      ->check(CLI::Range(1, 40))
      ->type_name("K");
}

void add_seconds(CLI::App& app, double& seconds) {
  app.add_option("--seconds", seconds, "How long each load begins operations")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 3600.0))
      ->type_name("S");
}

void add_rounds(CLI::App& app, int& rounds) {
  app.add_option("--rounds", rounds, "How often to measure each, in turn")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000))
      ->type_name("R");
}

void add_json(CLI::App& app, std::string& file) {
  app.add_option("--json", file, "Write all figures there; - is stdout")->type_name("FILE");
}

}  // namespace kadmos::bench
