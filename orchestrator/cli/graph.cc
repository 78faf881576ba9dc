#include "orchestrator/report/graph.h"

#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/cli/workflow_file.h"
#include "orchestrator/report/event_fields.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::cli {

namespace {

struct GraphOptions {
  std::string what;  // a workflow file or a run
  std::string format = "mermaid";
  bool expand = false;
  std::string out;
};

// "r12", unless a file is named so.
bool is_run(const std::string& what) {
  const bool looks = what.size() > 1 && what[0] == 'r' &&
                     std::all_of(what.begin() + 1, what.end(), [](char c) { return c >= '0' && c <= '9'; });
  return looks && !base::real_file_system().status(what);
}

report::RunToDraw facts_of(Session& session, const store::RunRow& run) {
  store::Ledger& ledger = session.ledger();
  report::RunToDraw facts{run,
                          ledger.instances(run.id),
                          {},
                          ledger.attempts(run.id),
                          ledger.decisions(run.id),
                          base::to_utc_string(session.clock().now())};
  for (store::InstanceRow& row : facts.instances) row.state = state_now(run, row.state);
  for (const auto& [instance, checkpoint] : ledger.instances_with_checkpoints(run.id)) {
    if (checkpoint) facts.seconds[instance.id] = checkpoint->seconds;
  }
  return facts;
}

// A workflow that is still being written is drawn all the same.
workflow::Workflow read(Session& session, const std::string& file) {
  workflow::Workflow read = workflow::parse(read_workflow(file), file);
  workflow::Faults faults;
  check_alone(session, read, faults);
  if (!faults.empty())
    spdlog::warn("this workflow could not run; `presswork validate{} {}` says why", session.same_arguments(),
                 quoted(file));
  return read;
}

report::Drawing drawing_of(Session& session, const GraphOptions& options) {
  if (!is_run(options.what)) {
    if (options.expand)
      throw base::Error(base::ErrorCode::usage,
                        "--expand shows the instances of a run; " + options.what + " is none");
    return report::drawing_of(read(session, options.what));
  }
  const report::RunToDraw run = facts_of(session, session.find_run(options.what));
  if (options.expand) return report::drawing_of(run);
  report::Drawing drawing;
  try {
    drawing = report::drawing_of(
        workflow::parse(report::text_of(run.run.plan, "text"), report::text_of(run.run.plan, "file")),
        report::value_of(run.run.plan, "params"));
  } catch (const base::Error&) {
    return report::drawing_of(run);  // of another version: its instances tell enough
  }
  report::add_run(drawing, run);
  return drawing;
}

std::string draw(const report::Drawing& drawing, const std::string& format) {
  if (format == "dot") return report::to_dot(drawing);
  if (format == "svg") return report::to_svg(drawing);
  if (format == "html") return report::to_html(drawing);
  return report::to_mermaid(drawing);
}

int graph(Session& session, const GraphOptions& options) {
  const std::string drawn = draw(drawing_of(session, options), options.format);
  if (!options.out.empty()) base::real_file_system().write(options.out, drawn);
  if (session.options().json) {
    base::Json json = {{"format", options.format}};
    json[options.out.empty() ? "graph" : "path"] = options.out.empty() ? drawn : options.out;
    session.output().json(json);
  } else if (options.out.empty()) {
    session.output().text(drawn);
  }
  return kOk;
}

}  // namespace

Verb graph_verb() {
  return {"graph", "Draw a workflow or a run",
          "Draws the workflow in FILE, or the run of that id with its states, times and critical path: as a "
          "Mermaid "
          "diagram, which Markdown viewers show, as a Graphviz file, as a picture (svg), or as a page to "
          "zoom and "
          "search in (html). The last two need no other program, and the page loads nothing. A "
          "workflow whose stages are not right yet is drawn, too, with a warning on stderr.",
          "  presswork graph workflows/quantize-int4.yaml --format svg --out graph.svg\n"
          "  presswork graph r3 --format html --out run.html",
          [](CLI::App& app) -> std::function<int(Session&)> {
            auto options = std::make_shared<GraphOptions>();
            app.add_option("FILE", options->what, "The workflow, a YAML file, or a run, like r3")
                ->required()
                ->type_name("");
            app.add_option("--format", options->format, "mermaid (default), dot, svg or html")
                ->type_name("FORMAT")
                ->check(CLI::IsMember({"mermaid", "dot", "svg", "html"}).description(""));
            app.add_flag("--expand", options->expand,
                         "Of a run: each cell of a matrix and each iteration of a loop on its own");
            app.add_option("-o,--out", options->out, "Write it to this file instead of stdout")
                ->type_name("PATH");
            return [options](Session& session) { return graph(session, *options); };
          }};
}

}  // namespace presswork::cli
