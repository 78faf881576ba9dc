#include "orchestrator/report/graph.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/cli/workflow_file.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::cli {

namespace {

struct Options {
  WorkflowOptions workflow;
  std::string format = "mermaid";
};

int graph(Session& session, const Options& options) {
  const std::string& file = options.workflow.file;
  const workflow::Workflow workflow = workflow::parse(read_workflow(file), file);
  const std::string drawing =
      options.format == "dot" ? report::to_dot(workflow) : report::to_mermaid(workflow);
  if (session.options().json) {
    session.output().json({{"format", options.format}, {"graph", drawing}});
  } else {
    session.output().text(drawing);
  }
  return kOk;
}

}  // namespace

Verb graph_verb() {
  return {
      "graph", "Draw a workflow",
      "Draws the workflow in FILE as a Mermaid diagram, which Markdown viewers show, or as a Graphviz file.",
      "  presswork graph workflows/quantize-int4.yaml --format dot | dot -Tsvg > graph.svg",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<Options>();
        add_workflow(app, options->workflow);
        app.add_option("--format", options->format, "mermaid (default) or dot")
            ->type_name("FORMAT")
            ->check(CLI::IsMember({"mermaid", "dot"}).description(""));
        return [options](Session& session) { return graph(session, *options); };
      }};
}

}  // namespace presswork::cli
