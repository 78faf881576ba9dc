#include "orchestrator/cli/workflow_file.h"

#include <CLI/CLI.hpp>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/cli/params.h"

namespace presswork::cli {

void add_workflow(CLI::App& app, WorkflowOptions& options) {
  app.add_option("FILE", options.file, "The workflow, a YAML file")->required()->type_name("");
}

void add_params(CLI::App& app, WorkflowOptions& options) {
  app.add_option("-p,--param", options.params, "A parameter of the workflow (may be repeated)")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--params-file", options.params_file,
                 "Parameters from a JSON or YAML file; -p goes before it")
      ->type_name("FILE");
  app.add_option("--set", options.overrides,
                 "Another value for a stage's parameter than the workflow has (may be repeated)")
      ->type_name("STAGE.with.KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

std::string read_workflow(const std::string& file) {
  using base::Error;
  using base::ErrorCode;
  std::error_code error;
  if (fs::is_directory(file, error)) {
    throw Error(ErrorCode::usage, file + " is a folder, not a workflow file", "name a YAML file in it");
  }
  if (!fs::exists(file, error)) {
    std::string hint = "name a workflow file, like workflows/quantize-int4.yaml";
    if (fs::exists(file + ".yaml", error)) hint = "did you mean " + file + ".yaml?";
    throw Error(ErrorCode::not_found, "there is no file " + file, hint);
  }
  return base::real_file_system().read(file);
}

void check_alone(Session& session, const workflow::Workflow& workflow, workflow::Faults& faults) {
  workflow::check(workflow, session.catalogue(), faults);
  workflow::check_values(workflow, session.catalogue(), workflow::default_params(workflow), faults);
}

Asked asked_of(const WorkflowOptions& options) {
  Asked asked{
      options.file, read_workflow(options.file), given_params(options.params_file, options.params), {}};
  for (const std::string& text_of_one : options.overrides) {
    auto [path, value] = split_assignment(text_of_one, "--set");
    asked.overrides[path] = value;
  }
  return asked;
}

engine::Plan plan_of(Session& session, Asked asked) {
  return engine::make_plan(std::move(asked.text), asked.file, asked.given, fs::current_path(),
                           session.catalogue(), std::move(asked.overrides));
}

}  // namespace presswork::cli
