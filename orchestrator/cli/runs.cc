#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>

#include "orchestrator/base/units.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/moment.h"
#include "orchestrator/report/pauses.h"
#include "orchestrator/report/table.h"
#include "orchestrator/report/text.h"

namespace presswork::cli {

namespace {

struct RunsOptions {
  std::vector<std::string> states;
  std::string workflow;
  std::size_t limit = 0;  // 0: all
};

std::vector<store::RunRow> wanted(std::vector<store::RunRow> rows, const RunsOptions& options) {
  std::erase_if(rows, [&](const store::RunRow& run) {
    const bool state = options.states.empty() || std::find(options.states.begin(), options.states.end(),
                                                           run.state) != options.states.end();
    return !state || (!options.workflow.empty() && run.workflow != options.workflow);
  });
  if (options.limit > 0 && rows.size() > options.limit) rows.resize(options.limit);
  return rows;
}

// Without the pauses before it was resumed.
std::string time_of(Session& session, const store::RunRow& run, const std::string& now) {
  if (run.ended.empty() && run.state != "running") return {};
  const auto seconds = report::seconds_between(run.started, run.ended.empty() ? now : run.ended);
  if (!seconds) return {};
  const double worked = report::without_pauses(*seconds, session.workspace().root / "runs" / run.id);
  return base::format_duration(std::chrono::milliseconds(static_cast<long long>(worked * 1000)));
}

int runs(Session& session, const RunsOptions& options) {
  session.need_workspace();
  const std::vector<store::RunRow> rows = wanted(session.runs(), options);
  if (session.options().json) {
    base::Json list = base::Json::array();
    for (const store::RunRow& run : rows) {
      list.push_back({{"run", run.id},
                      {"workflow", run.workflow},
                      {"state", run.state},
                      {"started", run.started},
                      {"ended", run.ended.empty() ? base::Json() : base::Json(run.ended)},
                      {"message", run.message}});
    }
    session.output().json({{"runs", list}});
    return kOk;
  }
  const report::Style& style = session.output().style();
  report::Table table({{style.bold("RUN")},
                       {style.bold("WORKFLOW")},
                       {style.bold("STATE")},
                       {style.bold("STARTED (UTC)")},
                       {style.bold("TIME"), report::Table::Align::right},
                       {style.bold("WHY")}});
  const std::string now = base::to_utc_string(session.clock().now());
  for (const store::RunRow& run : rows) {
    std::string started = run.started.substr(0, 19);
    std::replace(started.begin(), started.end(), 'T', ' ');
    table.add({run.id, report::one_line(run.workflow), style.state(run.state), started,
               time_of(session, run, now), report::truncate(report::one_line(run.message), 60)});
  }
  if (table.empty()) {
    const bool any = !options.states.empty() || !options.workflow.empty();
    session.screen().print((any ? "no such runs in " : "there are no runs yet in ") +
                           session.workspace_root().string());
  } else {
    session.output().text(table.text());
  }
  return kOk;
}

}  // namespace

Verb runs_verb() {
  return {
      "runs", "List the runs of the workspace", "Lists the runs of the workspace, the latest first.",
      "  presswork runs --state failed --limit 10", [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<RunsOptions>();
        app.add_option(
               "--state", options->states,
               "Only runs in this state: running, succeeded, failed, interrupted, cancelled, partial (may be "
               "repeated)")
            ->type_name("STATE")
            ->expected(1)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
            ->check(CLI::IsMember({"running", "succeeded", "failed", "interrupted", "cancelled", "partial"})
                        .description(""));
        app.add_option("--workflow", options->workflow, "Only runs of the workflow of this name")
            ->type_name("NAME");
        app.add_option("--limit", options->limit, "At most so many, the latest")
            ->type_name("N")
            ->check(CLI::Range(1, 1 << 30).description(""));
        return [options](Session& session) { return runs(session, *options); };
      }};
}

}  // namespace presswork::cli
