#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "orchestrator/base/error.h"
#include "orchestrator/base/hash.h"
#include "orchestrator/base/units.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/kept.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/summary.h"
#include "orchestrator/report/table.h"
#include "orchestrator/report/text.h"

namespace presswork::cli {

namespace {

struct CheckpointsOptions {
  std::string run;
  bool all = false;
};

// Nothing when the store does not have it any more.
std::optional<std::uint64_t> size_of(store::ArtifactStore& artifacts, const std::string& digest) {
  try {
    return artifacts.manifest(digest).bytes();
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

// Equal metrics have equal digests: for comparing generations and runs at a glance.
std::string metrics_digest(const store::CheckpointRow& checkpoint) {
  return base::sha256(base::canonical(checkpoint.metrics));
}

base::Json to_json(Session& session, const Kept& kept) {
  const store::CheckpointRow& checkpoint = kept.checkpoint;
  base::Json outputs = base::Json::object();
  for (const auto& [name, output] : checkpoint.outputs) {
    const auto bytes = size_of(session.artifacts(), output.digest);
    outputs[name] = {{"type", output.type},
                     {"digest", output.digest},
                     {"bytes", bytes ? base::Json(*bytes) : base::Json()}};
  }
  return {{"instance", kept.instance},
          {"generation", kept.generation},
          {"superseded", kept.superseded},
          {"state", kept.state},
          {"uses", checkpoint.uses},
          {"key", checkpoint.key},
          {"made", checkpoint.created},
          {"made_by", {{"run", checkpoint.run}, {"instance", checkpoint.instance}}},
          {"seconds", checkpoint.seconds},
          {"outputs", outputs},
          {"metrics", checkpoint.metrics},
          {"metrics_digest", metrics_digest(checkpoint)}};
}

std::string outputs_text(Session& session, const store::CheckpointRow& checkpoint) {
  std::string text;
  for (const auto& [name, output] : checkpoint.outputs) {
    const auto bytes = size_of(session.artifacts(), output.digest);
    text += (text.empty() ? "" : ", ") + name + " " + (bytes ? base::format_bytes(*bytes) : "(gone)");
  }
  return report::one_line(text);
}

std::string headlines(Session& session, const store::CheckpointRow& checkpoint) {
  return report::headlines_text(
      report::headlines_of(checkpoint.uses, checkpoint.metrics, session.catalogue()));
}

int checkpoints(Session& session, const CheckpointsOptions& options) {
  const store::RunRow run = session.find_run(options.run);
  std::vector<Kept> all = kept_checkpoints(session.ledger(), run.id);
  const std::vector<std::string> lost = lost_results(session.ledger(), run.id);
  if (!options.all) std::erase_if(all, [](const Kept& kept) { return kept.superseded; });
  if (session.options().json) {
    base::Json list = base::Json::array();
    for (const Kept& kept : all) list.push_back(to_json(session, kept));
    session.output().json({{"run", run.id}, {"checkpoints", list}, {"lost", lost}});
    return kOk;
  }
  for (const std::string& instance : lost) {
    session.screen().print("the result of " + instance +
                           " was damaged and has been discarded; `presswork retry " + run.id + " --from " +
                           instance + "` makes it anew");
  }
  if (all.empty() && lost.empty()) {
    session.screen().print(run.id + " has no checkpoints");
    return kOk;
  }
  const report::Style& style = session.output().style();
  report::Table table({{style.bold("INSTANCE")},
                       {options.all ? style.bold("GEN") : "", report::Table::Align::right},
                       {style.bold("STAGE")},
                       {style.bold("STATE")},
                       {style.bold("MADE (UTC)")},
                       {style.bold("RESULT")},
                       {style.bold("OUTPUTS")}});
  for (const Kept& kept : all) {
    std::string made = kept.checkpoint.created.substr(0, 19);
    std::replace(made.begin(), made.end(), 'T', ' ');
    table.add({kept.instance, options.all ? std::to_string(kept.generation) : "", kept.checkpoint.uses,
               style.state(kept.state), made, headlines(session, kept.checkpoint),
               outputs_text(session, kept.checkpoint)});
  }
  session.output().text(table.text());
  return kOk;
}

}  // namespace

Verb checkpoints_verb() {
  return {
      "checkpoints", "List what a run can be taken back to",
      "Lists the checkpoints of RUN, or of the latest run: each finished stage with the time when its "
      "result was made, what it measured, and its outputs with their sizes; --json also gives all metrics, "
      "and a digest of them that is equal for equal metrics. `presswork rollback` takes the run back to one "
      "of them, `presswork export` copies an output out of the store. --all also lists those that a "
      "rollback or retry superseded.",
      "  presswork checkpoints r3\n"
      "  presswork checkpoints r3 --all --json",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<CheckpointsOptions>();
        app.add_option("RUN", options->run, "The run, like r3")->type_name("");
        app.add_flag("-a,--all", options->all, "List superseded generations, too");
        return [options](Session& session) { return checkpoints(session, *options); };
      }};
}

}  // namespace presswork::cli
