#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>

#include "orchestrator/base/error.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/find_instance.h"
#include "orchestrator/cli/live_run.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/engine/instance_name.h"
#include "orchestrator/report/journal.h"
#include "orchestrator/report/log_tail.h"
#include "orchestrator/report/text.h"

namespace presswork::cli {

namespace {

using base::Error;
using base::ErrorCode;

struct LogsOptions {
  std::string run, stage;
  int attempt = 0;  // 0: the latest
  bool path = false;
  bool follow = false;
  long long lines = -1;  // -1: all
};

// The attempts of one instance.
std::vector<store::AttemptRow> attempts_of(Session& session, const std::string& run,
                                           const std::string& instance, int number) {
  std::vector<store::AttemptRow> attempts = session.ledger().attempts(run);
  std::erase_if(attempts, [&](const store::AttemptRow& attempt) {
    return attempt.instance != instance || (number > 0 && attempt.number != number);
  });
  std::sort(attempts.begin(), attempts.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  return attempts;
}

// Those that a rollback superseded.
std::vector<store::AttemptRow> former_attempts(Session& session, const std::string& run,
                                               const std::string& instance, int number) {
  std::vector<store::AttemptRow> attempts;
  for (const store::SupersededRow& row : session.ledger().history(run)) {
    if (row.id != instance) continue;
    std::copy_if(row.attempts.begin(), row.attempts.end(), std::back_inserter(attempts),
                 [&](const auto& attempt) { return number == 0 || attempt.number == number; });
  }
  return attempts;
}

// The attempt whose log is asked for. A cached stage has none of its own: then that of the run that did the
// work.
store::AttemptRow find_attempt(Session& session, const LogsOptions& options) {
  const store::RunRow run = session.find_run(options.run);
  const store::InstanceRow instance = find_instance(session, run.id, options.stage);
  const auto own = attempts_of(session, run.id, instance.id, options.attempt);
  if (!own.empty()) return own.back();
  if (options.attempt == 0 && instance.state == "cached") {
    if (const auto checkpoint = session.ledger().checkpoint(instance.key, instance.checkpoint)) {
      const auto made = attempts_of(session, checkpoint->run, checkpoint->instance, 0);
      if (!made.empty()) return made.back();
    }
  }
  const auto former = former_attempts(session, run.id, instance.id, options.attempt);
  if (!former.empty()) return former.back();
  throw Error(ErrorCode::not_found,
              instance.id + " of " + run.id + " has no " +
                  (options.attempt > 0 ? "attempt " + std::to_string(options.attempt) : "log"),
              "its state is " + instance.state);
}

// On a terminal nothing in a log may steer the screen.
void print(Output& output, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) output.line(output.to_terminal() ? report::printable(line) : line);
}

void copy(const store::AttemptRow& attempt, const LogsOptions& options, Output& output) {
  if (attempt.log.empty() && attempt.outcome == "succeeded") return;  // it wrote nothing
  const fs::path path = attempt.log;
  report::LogTail tail(path, options.lines);
  if (!tail.exists()) {
    throw Error(ErrorCode::not_found, "the log " + path.string() + " cannot be read",
                "it may have been removed with the run's folder");
  }
  for (;;) {
    const std::vector<std::string> lines = tail.read();
    if (lines.empty()) break;
    print(output, lines);
  }
  print(output, tail.rest());
}

// The instance that is meant, once the run has come to it.
std::optional<store::InstanceBrief> come_to(Session& session, const std::string& run,
                                            const std::string& spelling) {
  const std::vector<store::InstanceBrief> briefs = session.ledger().instance_briefs(run);
  std::vector<std::string> ids;
  for (const store::InstanceBrief& brief : briefs) ids.push_back(brief.id);
  const auto meant = [&](const std::string& id) { return engine::is_meant(spelling, id); };
  if (std::none_of(ids.begin(), ids.end(), meant)) return std::nullopt;
  const std::string id = engine::find_instance(spelling, ids, run);
  return *std::find_if(briefs.begin(), briefs.end(), [&](const auto& brief) { return brief.id == id; });
}

// One attempt after the other, until the stage has ended or the run has.
int follow(Session& session, const LogsOptions& options) {
  const std::string run = session.find_run(options.run).id;
  LiveRun live(session, run);
  report::FolderWatch watch(session.workspace().logs(run));
  std::optional<report::LogTail> tail;
  std::string stage = options.stage;  // in full once the run has come to it
  int shown = 0;                      // the attempt
  for (;;) {
    const auto instance = come_to(session, run, stage);
    if (instance) stage = instance->id;
    const bool ended = instance && instance->state != "running" && instance->state != "pending";
    const bool over = ended || !live.goes_on(true);
    const auto attempts = attempts_of(session, run, stage, options.attempt);
    const auto next = std::find_if(attempts.begin(), attempts.end(),
                                   [&](const auto& attempt) { return attempt.number > shown; });
    if (tail) print(session.output(), tail->read());
    if (next != attempts.end()) {
      if (tail) print(session.output(), tail->rest());
      // Whoever begins late is shown the latest attempt; after that none is left out.
      const store::AttemptRow& attempt = tail ? *next : attempts.back();
      if (attempt.number > 1 && !attempt.log.empty())
        session.screen().print("attempt " + std::to_string(attempt.number) + ": " + attempt.log);
      tail.emplace(attempt.log, tail ? -1 : options.lines);
      shown = attempt.number;
      continue;
    }
    session.output().flush();
    const bool done = options.attempt > 0 && !attempts.empty() && !attempts.back().outcome.empty();
    if (over || done || session.output().reader_is_gone()) break;
    watch.wait(kLook);
  }
  if (!tail) find_attempt(session, options);  // says that there is no log, or no such stage
  if (tail) {
    print(session.output(), tail->read());
    print(session.output(), tail->rest());
  }
  return kOk;
}

int logs(Session& session, const LogsOptions& options) {
  if (options.follow) {
    const store::RunRow run = session.find_run(options.run);
    if (run.state == "running") return follow(session, options);
  }
  const store::AttemptRow attempt = find_attempt(session, options);
  if (session.options().json) {
    session.output().json({{"run", attempt.run},
                           {"stage", attempt.instance},
                           {"attempt", attempt.number},
                           {"outcome", attempt.outcome},
                           {"path", attempt.log}});
  } else if (options.path) {
    if (attempt.log.empty()) {
      throw Error(ErrorCode::not_found, attempt.instance + " of " + attempt.run + " has no log",
                  "it wrote nothing");
    }
    session.output().line(attempt.log);
  } else {
    copy(attempt, options, session.output());
  }
  return kOk;
}

}  // namespace

Verb logs_verb() {
  return {
      "logs", "Print what a stage said",
      "Prints the log of STAGE in RUN: what it logged and wrote to its stdout and stderr. Of several "
      "attempts the "
      "latest; for a cached stage the log of the run that did the work. With --follow it goes on while the "
      "stage "
      "does, from one attempt to the next, and waits for a stage that has not begun.",
      "  presswork logs r3 quantize\n  presswork logs -f -n 20 r3 'tune[2]/quantize'",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<LogsOptions>();
        app.add_option("RUN", options->run, "The run, like r3")->required()->type_name("");
        app.add_option("STAGE", options->stage, "The stage, like quantize, tune[2]/quantize or quantize@2")
            ->required()
            ->type_name("");
        app.add_flag("-f,--follow", options->follow, "Go on until the stage has ended");
        app.add_option("-n,--lines", options->lines, "Only the last N lines of what is there")
            ->type_name("N")
            ->check(CLI::Range(0LL, 1LL << 40).description(""));
        app.add_option("--attempt", options->attempt, "Not the latest attempt but this one")
            ->type_name("N")
            ->check(CLI::Range(1, 1 << 20).description(""));
        app.add_flag("--path", options->path, "Print the log file's path instead");
        return [options](Session& session) { return logs(session, *options); };
      }};
}

}  // namespace presswork::cli
