#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "orchestrator/base/error.h"
#include "orchestrator/base/units.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/kept.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/engine/instance_name.h"

namespace presswork::cli {

namespace {

using base::Error;
using base::ErrorCode;

struct ExportOptions {
  std::string run, stage, output, destination;
  int generation = 0;  // 0: the one that the run has now, else the last
  bool hard_link = false;
};

// Of the generations of one instance the one that is meant.
const Kept& choose(const std::vector<Kept>& all, const std::string& instance, const ExportOptions& options) {
  const Kept* chosen = nullptr;
  std::string known;
  for (const Kept& kept : all) {
    if (kept.instance != instance) continue;
    known += (known.empty() ? "" : ", ") + std::to_string(kept.generation);
    const bool later = chosen == nullptr || kept.generation > chosen->generation;
    if (options.generation == 0 ? later : kept.generation == options.generation) chosen = &kept;
  }
  if (chosen != nullptr) return *chosen;
  throw Error(
      ErrorCode::not_found,
      instance + " has no generation " + std::to_string(options.generation) + " with a result",
      known.empty() ? "it has none" : "it has " + known + "; `presswork checkpoints --all` lists them");
}

const store::OutputRow& find_output(const Kept& kept, const std::string& name) {
  const auto found = kept.checkpoint.outputs.find(name);
  if (found != kept.checkpoint.outputs.end()) return found->second;
  std::string known;
  for (const auto& [other, output] : kept.checkpoint.outputs) known += (known.empty() ? "" : ", ") + other;
  throw Error(ErrorCode::not_found, kept.instance + " has no output " + name,
              known.empty() ? "it has none" : "it has " + known);
}

[[noreturn]] void refuse_lost(const std::string& run, const std::string& instance) {
  throw Error(ErrorCode::not_found,
              "the result of " + instance + " in " + run + " was damaged and has been discarded",
              "`presswork retry " + run + " --from " + quoted(instance) +
                  "` makes it anew, or a new run of the workflow");
}

int export_output(Session& session, const ExportOptions& options) {
  const store::RunRow run = session.find_run(options.run);
  const std::vector<Kept> all = kept_checkpoints(session.ledger(), run.id);
  const std::vector<std::string> lost = lost_results(session.ledger(), run.id);
  std::vector<std::string> ids = lost;
  for (const Kept& kept : all) {
    if (std::find(ids.begin(), ids.end(), kept.instance) == ids.end()) ids.push_back(kept.instance);
  }
  const std::string instance = engine::find_instance(options.stage, ids, run.id);
  const bool is_lost = std::find(lost.begin(), lost.end(), instance) != lost.end();
  if (is_lost && options.generation == 0) refuse_lost(run.id, instance);
  const Kept& kept = choose(all, instance, options);
  const store::OutputRow& output = find_output(kept, options.output);
  if (!session.artifacts().contains(output.digest)) refuse_lost(run.id, instance);
  const fs::path destination = fs::absolute(options.destination).lexically_normal();
  session.artifacts().export_to(output.digest, destination, {},
                                options.hard_link ? store::Export::hard_link : store::Export::copy);
  const std::uint64_t bytes = session.artifacts().manifest(output.digest).bytes();
  if (session.options().json) {
    session.output().json({{"run", run.id},
                           {"instance", instance},
                           {"generation", kept.generation},
                           {"output", options.output},
                           {"type", output.type},
                           {"digest", output.digest},
                           {"bytes", bytes},
                           {"path", destination.string()}});
  } else {
    session.output().line(destination.string() + "  (" + base::format_bytes(bytes) + ")");
  }
  return kOk;
}

}  // namespace

Verb export_verb() {
  return {
      "export", "Copy an output of a run out of the store",
      "Puts OUTPUT of STAGE in RUN at DEST, which must not exist yet: a file, or a folder with all files in "
      "it. Every byte is checked against its digest. STAGE is an id as `presswork checkpoints` shows it, "
      "like tune[2]/quantize, or quantize@2: the instance of that name in iteration 2 of its loop. The copy "
      "shares its blocks with the store where the file system can (reflink); it can be edited. With "
      "--hard-link no space is taken anywhere, and the files are read-only: they are those of the store.",
      "  presswork export r3 quantize model ./my-model\n"
      "  presswork export r3 tune[2]/quantize model ./second --generation 1",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<ExportOptions>();
        app.add_option("RUN", options->run, "The run, like r3")->required()->type_name("");
        app.add_option("STAGE", options->stage, "The stage")->required()->type_name("");
        app.add_option("OUTPUT", options->output, "The name of its output")->required()->type_name("");
        app.add_option("DEST", options->destination, "Where to put it")->required()->type_name("");
        app.add_option("--generation", options->generation,
                       "Not what the run has now, but the N-th result of the stage")
            ->type_name("N")
            ->check(CLI::Range(1, 1 << 20).description(""));
        app.add_flag("--hard-link", options->hard_link, "Link the store's files instead of copying them");
        return [options](Session& session) { return export_output(session, *options); };
      }};
}

}  // namespace presswork::cli
