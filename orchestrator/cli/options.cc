#include "orchestrator/cli/options.h"

#include <CLI/CLI.hpp>

namespace presswork::cli {

void add_common(CLI::App& app, CommonOptions& options) {
  const std::string group = "Common options";
  app.add_option("--workspace", options.workspace,
                 "Folder of ledger, store and scratch (default: ./.presswork)")
      ->type_name("DIR")
      ->group(group);
  app.add_option("--store", options.store,
                 "Folder of the artifacts, which several workspaces may share (default: in the workspace; "
                 "remembered from the first time)")
      ->type_name("DIR")
      ->group(group);
  app.add_option("--plugin-path", options.plugin_paths,
                 "Folder of further plugins, searched before the built-in ones (may be repeated)")
      ->type_name("DIR")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(group);
  app.add_flag("--json", options.json, "Print the result as JSON")->group(group);
  app.add_flag("-v,--verbose", options.verbose, "Say more; -vv says all")->group(group);
  app.add_flag("-q,--quiet", options.quiet, "Say only what goes wrong")->group(group);
  app.add_flag("--no-color,--no-colour", options.no_color, "No colours, whatever the terminal can do")
      ->group(group);
}

void add_limits(CLI::App& app, LimitOptions& options) {
  const std::string group = "Limits";
  app.add_option("--cores", options.cores, "Cores to use at once (default: all that this process may use)")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 20).description(""))
      ->group(group);
  app.add_option(
         "--memory", options.memory,
         "How much memory the stages that run together may have declared (resources.memory), like 8GiB; "
         "it plans; --enforce-memory holds them to it (default: all of the machine's)")
      ->type_name("SIZE")
      ->group(group);
  app.add_flag(
         "--enforce-memory", options.enforce_memory,
         "Hold each process of a stage to the memory that the stage declared, and all of them together where "
         "control groups (v2) can be made: a stage that takes more ends as out_of_memory")
      ->group(group);
  app.add_option("--gpus", options.gpus, "GPUs to use at once (default: all that the machine has)")
      ->type_name("N")
      ->check(CLI::Range(0, 1 << 10).description(""))
      ->group(group);
  app.add_option("--token", options.tokens,
                 "How many there are of the tokens NAME that stages take (resources.tokens; may be repeated)")
      ->type_name("NAME=N")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(group);
}

void add_metrics_file(CLI::App& app, std::string& file) {
  app.add_option("--metrics-file", file,
                 "Keep the run's state and metrics in this file, for Prometheus' textfile collector")
      ->type_name("FILE");
}

}  // namespace presswork::cli
