#include <CLI/CLI.hpp>
#include <memory>

#include "orchestrator/base/error.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/cli/workflow_file.h"
#include "orchestrator/report/text.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::cli {

namespace {

int validate(Session& session, const std::vector<std::string>& files) {
  int code = kOk;
  base::Json results = base::Json::array();
  for (const std::string& file : files) {
    base::Json result = {{"file", file}, {"valid", true}};
    try {
      workflow::Faults faults;
      const auto workflow = workflow::parse(read_workflow(file), file, faults);
      if (workflow) check_alone(session, *workflow, faults);
      faults.throw_if_any();
      if (!session.options().json) {
        const std::size_t count = workflow->nodes.size();
        session.output().line(file + ": valid, " + std::to_string(count) +
                              (count == 1 ? " stage" : " stages"));
      }
    } catch (const base::Error& error) {
      result["valid"] = false;
      result.update(error_json(error));
      session.output().flush();
      std::string text = report::printable(base::render(error));
      while (!text.empty() && text.back() == '\n') text.pop_back();
      session.screen().print(text);
      // The invalid workflow outranks the file that is not there.
      const int own = exit_code(error.code);
      if (code != kInvalidWorkflow) code = own;
    }
    results.push_back(std::move(result));
  }
  if (session.options().json) session.output().json({{"files", results}});
  return code;
}

}  // namespace

Verb validate_verb() {
  return {"validate", "Check workflow files",
          "Checks each FILE: syntax, names, types, parameters and connections of the stages; what depends on "
          "parameters of the workflow, with their defaults. Every fault is shown with its line and a "
          "suggestion. Exit code 3 when a workflow is invalid.",
          "  presswork validate workflows/*.yaml", [](CLI::App& app) -> std::function<int(Session&)> {
            auto files = std::make_shared<std::vector<std::string>>();
            app.add_option("FILE", *files, "Workflows, YAML files")->required()->type_name("");
            return [files](Session& session) { return validate(session, *files); };
          }};
}

}  // namespace presswork::cli
