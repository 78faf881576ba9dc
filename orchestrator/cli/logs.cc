#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <memory>
#include <optional>

#include "orchestrator/base/error.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/text.h"

namespace presswork::cli {

namespace {

using base::Error;
using base::ErrorCode;

struct Options {
  std::string run, stage;
  int attempt = 0;  // 0: the latest
  bool path = false;
};

std::optional<store::AttemptRow> latest(const std::vector<store::AttemptRow>& attempts,
                                        const std::string& instance, int number) {
  std::optional<store::AttemptRow> found;
  for (const store::AttemptRow& attempt : attempts) {
    if (attempt.instance != instance || (number > 0 && attempt.number != number)) continue;
    if (!found || attempt.number > found->number) found = attempt;
  }
  return found;
}

store::InstanceRow find_instance(Session& session, const std::string& run, const std::string& stage) {
  std::vector<std::string> ids;
  for (store::InstanceRow& instance : session.ledger().instances(run)) {
    if (instance.id == stage) return instance;
    ids.push_back(instance.id);
  }
  const std::string near = base::nearest(stage, ids);
  throw Error(
      ErrorCode::not_found, run + " has no stage " + stage,
      near.empty() ? "list its stages with `presswork status " + run + "`" : "did you mean " + near + "?");
}

// The attempt whose log is asked for. A cached stage has none of its own: then that of the run that did the
// work.
store::AttemptRow find_attempt(Session& session, const Options& options) {
  const store::RunRow run = session.find_run(options.run);
  const store::InstanceRow instance = find_instance(session, run.id, options.stage);
  if (const auto own = latest(session.ledger().attempts(run.id), instance.id, options.attempt)) return *own;
  if (options.attempt == 0 && instance.state == "cached") {
    if (const auto checkpoint = session.ledger().checkpoint(instance.key)) {
      const auto attempts = session.ledger().attempts(checkpoint->run);
      if (const auto made = latest(attempts, checkpoint->instance, 0)) return *made;
    }
  }
  throw Error(ErrorCode::not_found,
              instance.id + " of " + run.id + " has no " +
                  (options.attempt > 0 ? "attempt " + std::to_string(options.attempt) : "log"),
              "its state is " + instance.state);
}

// In pieces: a log may be large. On a terminal nothing in it may steer the screen.
void copy(const fs::path& path, Output& output) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw Error(ErrorCode::not_found, "the log " + path.string() + " cannot be read",
                "it may have been removed with the run's folder");
  }
  std::string line;
  while (std::getline(file, line)) output.line(output.to_terminal() ? report::printable(line) : line);
}

int logs(Session& session, const Options& options) {
  const store::AttemptRow attempt = find_attempt(session, options);
  if (session.options().json) {
    session.output().json({{"run", attempt.run},
                           {"stage", attempt.instance},
                           {"attempt", attempt.number},
                           {"outcome", attempt.outcome},
                           {"path", attempt.log}});
  } else if (options.path) {
    session.output().line(attempt.log);
  } else {
    copy(attempt.log, session.output());
  }
  return kOk;
}

}  // namespace

Verb logs_verb() {
  return {
      "logs", "Print what a stage said",
      "Prints the log of STAGE in RUN: what it logged and wrote to its stdout and stderr. Of several "
      "attempts the "
      "latest; for a cached stage the log of the run that did the work.",
      "  presswork logs r3 quantize", [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<Options>();
        app.add_option("RUN", options->run, "The run, like r3")->required()->type_name("");
        app.add_option("STAGE", options->stage, "The stage's id in the workflow")->required()->type_name("");
        app.add_option("--attempt", options->attempt, "Not the latest attempt but this one")
            ->type_name("N")
            ->check(CLI::Range(1, 1 << 20).description(""));
        app.add_flag("--path", options->path, "Print the log file's path instead");
        return [options](Session& session) { return logs(session, *options); };
      }};
}

}  // namespace presswork::cli
