// The workflow that a verb is about.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/cli/session.h"
#include "orchestrator/engine/plan.h"

namespace CLI {
class App;
}

namespace presswork::cli {

struct WorkflowOptions {
  std::string file;
  std::vector<std::string> params;
  std::string params_file;
  std::vector<std::string> overrides;  // of --set
};

void add_workflow(CLI::App& app, WorkflowOptions& options);
void add_params(CLI::App& app, WorkflowOptions& options);

// The text of the file; throws Error{not_found, usage} with a hint about what lies near.
std::string read_workflow(const std::string& file);

// Adds what is wrong with a workflow whose parameters have their defaults.
void check_alone(Session& session, const workflow::Workflow& workflow, workflow::Faults& faults);

// What the options ask for, read but not looked into.
struct Asked {
  std::string file, text;
  base::Json given;
  workflow::Overrides overrides;
};
Asked asked_of(const WorkflowOptions& options);

// Checks and plans. Relative paths given by -p are relative to the current directory.
engine::Plan plan_of(Session& session, Asked asked);
inline engine::Plan plan_of(Session& session, const WorkflowOptions& options) {
  return plan_of(session, asked_of(options));
}

}  // namespace presswork::cli
