#include <CLI/CLI.hpp>

#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/table.h"
#include "orchestrator/report/text.h"

namespace presswork::cli {

namespace {

int runs(Session& session) {
  session.need_workspace();
  const std::vector<store::RunRow> rows = session.runs();
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
                       {style.bold("WHY")}});
  for (const store::RunRow& run : rows) {
    std::string started = run.started.substr(0, 19);
    std::replace(started.begin(), started.end(), 'T', ' ');
    table.add({run.id, report::one_line(run.workflow), style.state(run.state), started,
               report::truncate(report::one_line(run.message), 60)});
  }
  if (table.empty()) {
    session.screen().print("there are no runs yet in " + session.workspace_root().string());
  } else {
    session.output().text(table.text());
  }
  return kOk;
}

}  // namespace

Verb runs_verb() {
  return {"runs", "List the runs of the workspace", "Lists the runs of the workspace, the latest first.",
          "  presswork runs", [](CLI::App&) -> std::function<int(Session&)> { return runs; }};
}

}  // namespace presswork::cli
