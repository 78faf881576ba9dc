#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/base/hash.h"
#include "orchestrator/base/units.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/kept.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/engine/binding.h"
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

[[noreturn]] void refuse_lost(const std::string& run, const std::string& instance) {
  throw Error(ErrorCode::not_found,
              "the result of " + instance + " in " + run + " was damaged and has been discarded",
              "`presswork retry " + run + " --from " + quoted(instance) +
                  "` makes it anew, or a new run of the workflow");
}

// What a run has and had.
struct Results {
  std::string run;
  std::vector<Kept> kept;
  std::vector<std::string> lost;

  std::vector<std::string> ids() const {
    std::vector<std::string> ids = lost;
    std::set<std::string> seen(lost.begin(), lost.end());
    for (const Kept& one : kept) {
      if (seen.insert(one.instance).second) ids.push_back(one.instance);
    }
    return ids;
  }

  // Of the generations of one instance the one that is meant.
  const Kept& of(const std::string& instance, int generation) const {
    if (generation == 0 && std::find(lost.begin(), lost.end(), instance) != lost.end())
      refuse_lost(run, instance);
    const Kept* chosen = nullptr;
    std::string known;
    for (const Kept& one : kept) {
      if (one.instance != instance) continue;
      known += (known.empty() ? "" : ", ") + std::to_string(one.generation);
      const bool later = chosen == nullptr || one.generation > chosen->generation;
      if (generation == 0 ? later : one.generation == generation) chosen = &one;
    }
    if (chosen != nullptr) return *chosen;
    throw Error(
        ErrorCode::not_found,
        instance + " has no generation " + std::to_string(generation) + " with a result",
        known.empty() ? "it has none" : "it has " + known + "; `presswork checkpoints --all` lists them");
  }
};

const store::OutputRow& find_output(const Kept& kept, const std::string& name) {
  const auto found = kept.checkpoint.outputs.find(name);
  if (found != kept.checkpoint.outputs.end()) return found->second;
  std::string known;
  for (const auto& [other, output] : kept.checkpoint.outputs) known += other + ", ";
  for (const auto& [other, instance] : kept.metrics_of) known += other + ", ";
  throw Error(ErrorCode::not_found, kept.instance + " has no output " + name, "it has " + known + "metrics");
}

// Nothing when the output is an artifact and no metrics, which the ledger has.
std::optional<base::Json> find_metrics(const Results& results, const Kept& kept, const std::string& output) {
  if (output == "metrics") return kept.checkpoint.metrics;
  const auto other = kept.metrics_of.find(output);
  if (other == kept.metrics_of.end()) return std::nullopt;
  return results.of(other->second, 0).checkpoint.metrics;
}

// What came to be at the destination.
struct Exported {
  store::OutputRow output;
  std::uint64_t bytes = 0;
};

// The same file that a stage is given which reads them.
Exported write_metrics(const base::Json& metrics, const fs::path& destination, bool hard_link) {
  base::FileSystem& files = base::real_file_system();
  if (hard_link) {
    throw Error(ErrorCode::invalid_input, "metrics are in the ledger, and no file that could be linked",
                "leave out --hard-link");
  }
  if (files.status(destination)) {
    throw Error(ErrorCode::invalid_input, destination.native() + " exists already",
                "name a path that does not exist yet");
  }
  const std::string text = engine::metrics_text(metrics);
  files.create_directories(destination.parent_path());
  files.write_durably(destination, text);
  const store::Manifest manifest{false, {{"metrics.json", text.size(), base::sha256(text)}}};
  return {{"metrics", manifest.digest()}, text.size()};
}

int export_output(Session& session, const ExportOptions& options) {
  const store::RunRow run = session.find_run(options.run);
  const Results results{run.id, kept_results(session.ledger(), run.id),
                        lost_results(session.ledger(), run.id)};
  const std::string instance = engine::find_instance(options.stage, results.ids(), run.id);
  const Kept& kept = results.of(instance, options.generation);
  fs::path destination = fs::absolute(options.destination).lexically_normal();
  if (!destination.has_filename()) destination = destination.parent_path();
  Exported exported;
  if (const auto metrics = find_metrics(results, kept, options.output)) {
    exported = write_metrics(*metrics, destination, options.hard_link);
  } else {
    exported.output = find_output(kept, options.output);
    const std::string& digest = exported.output.digest;
    if (!session.artifacts().contains(digest)) refuse_lost(run.id, instance);
    session.artifacts().export_to(digest, destination, {},
                                  options.hard_link ? store::Export::hard_link : store::Export::copy);
    exported.bytes = session.artifacts().manifest(digest).bytes();
  }
  if (session.options().json) {
    session.output().json({{"run", run.id},
                           {"instance", instance},
                           {"generation", kept.generation},
                           {"output", options.output},
                           {"type", exported.output.type},
                           {"digest", exported.output.digest},
                           {"bytes", exported.bytes},
                           {"path", destination.string()}});
  } else {
    session.output().line(destination.string() + "  (" + base::format_bytes(exported.bytes) + ")");
  }
  return kOk;
}

}  // namespace

Verb export_verb() {
  return {
      "export", "Copy an output of a run out of the store",
      "Puts OUTPUT of STAGE in RUN at DEST, which must not exist yet: a file, or a folder with all files in "
      "it. STAGE may also be a loop or a selection; each has the output metrics, too, a JSON file. Every "
      "byte is checked against its digest. STAGE is an id as `presswork checkpoints` shows it, like "
      "tune[2]/quantize, or quantize@2: the instance of that name in iteration 2 of its loop. The copy "
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
