// The options that verbs share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace presswork::cli {

struct CommonOptions {
  std::string workspace = ".presswork";
  std::string store;                      // "": the one that the workspace has
  std::vector<std::string> plugin_paths;  // searched before the product's own plugins
  bool json = false;
  int verbose = 0;
  bool quiet = false;
  bool no_color = false;

  int verbosity() const { return quiet ? -1 : verbose; }
};

struct LimitOptions {
  int cores = 0;       // 0: all that the process may use
  std::string memory;  // "": all that the machine has
  bool enforce_memory = false;
  int gpus = -1;                    // below 0: all that the machine has
  std::vector<std::string> tokens;  // "name=count"
};

void add_common(CLI::App& app, CommonOptions& options);
void add_limits(CLI::App& app, LimitOptions& options);
void add_metrics_file(CLI::App& app, std::string& file);

}  // namespace presswork::cli
