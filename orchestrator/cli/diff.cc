#include <CLI/CLI.hpp>
#include <memory>

#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/difference.h"

namespace presswork::cli {

namespace {

struct DiffOptions {
  std::string a, b;
  bool exit_code = false;
};

report::RunRecord record_of(Session& session, const std::string& run) {
  report::RunRecord record = report::read_record(session.find_run(run), session.ledger());
  for (report::RunRecord::Entry& entry : record.entries)
    entry.row.state = state_now(record.run, entry.row.state);
  return record;
}

int diff(Session& session, const DiffOptions& options) {
  const report::Difference difference =
      report::compare(record_of(session, options.a), record_of(session, options.b));
  if (session.options().json) {
    session.output().json(report::to_json(difference));
  } else {
    session.output().text(report::to_text(difference, session.output().style()));
  }
  return options.exit_code && difference.any() ? kFailed : kOk;
}

}  // namespace

Verb diff_verb() {
  return {
      "diff", "Compare two runs",
      "Compares RUN_A with RUN_B: parameters, stages and their states, which parts of a stage's key differ "
      "(its parameters, its inputs), what its outputs are by digest, and its metrics with their change. A "
      "cached result counts as a success; times are not compared.",
      "  presswork diff r3 r4\n  presswork diff r3 r4 --exit-code --json",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<DiffOptions>();
        app.add_option("RUN_A", options->a, "A run, like r3")->required()->type_name("");
        app.add_option("RUN_B", options->b, "Another run")->required()->type_name("");
        app.add_flag("--exit-code", options->exit_code, "Exit with 1 when they differ");
        return [options](Session& session) { return diff(session, *options); };
      }};
}

}  // namespace presswork::cli
