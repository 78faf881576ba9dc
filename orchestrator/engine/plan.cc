#include "orchestrator/engine/plan.h"

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/engine/instance.h"

namespace presswork::engine {

using base::Error;
using base::ErrorCode;
using base::Json;

namespace {

Plan assemble(std::string text, const std::filesystem::path& file, workflow::Overrides overrides,
              const plugins::Catalogue& catalogue) {
  Plan plan;
  workflow::Faults faults;
  std::optional<workflow::Workflow> read = workflow::parse(text, file, faults);
  try {
    if (read && faults.empty()) workflow::apply(overrides, *read, catalogue);
    if (read) workflow::check(*read, catalogue, faults);
    faults.throw_if_any();
  } catch (Error& error) {
    workflow::blame_overrides(error);
    throw;
  }
  plan.workflow = *std::move(read);
  plan.text = std::move(text);
  plan.overrides = std::move(overrides);
  return plan;
}

// Whether the stage's parameters are known before the run.
bool reads_only_constants(const workflow::Template& with) {
  for (const auto& hole : with.holes()) {
    for (const workflow::Name& name : hole.expression.names()) {
      if (name.parts.front() != "params" && name.parts.front() != "matrix") return false;
    }
  }
  return true;
}

void check_input_paths(const Step& step, const Json& with) {
  for (const std::string& name : input_path_parameters(*step.stage, with)) {
    const std::string path = with[name].get<std::string>();
    if (base::real_file_system().status(path)) continue;
    throw Error(
        ErrorCode::invalid_input, step.id + ": there is no " + path,
        "correct the parameter " + name + " of the stage, or the workflow parameter that it comes from",
        step.node->where);
  }
}

// Stages whose parameters depend on the workflow's alone are checked before anything runs, and so are the
// files that they name.
void check_known_parameters(const Plan& plan) {
  const Instances none(plan.graph.size());
  for (std::size_t i = 0; i < plan.graph.size(); ++i) {
    const Step& step = plan.graph[i];
    if (step.stage == nullptr || !reads_only_constants(step.node->stage()->with)) continue;
    try {
      check_input_paths(step, bind_parameters({plan, plan.graph, none}, i));
    } catch (const Error& error) {
      throw Error(ErrorCode::invalid_input, error.message, error.hint, error.where);
    }
  }
}

}  // namespace

Json Plan::to_json() const {
  return {{"format", 1},
          {"file", workflow.file.string()},
          {"text", text},
          {"params", params},
          {"overrides", overrides}};
}

Plan make_plan(std::string text, const std::filesystem::path& file, const Json& given,
               const std::filesystem::path& directory, const plugins::Catalogue& catalogue,
               workflow::Overrides overrides) {
  Plan plan = assemble(std::move(text), file, std::move(overrides), catalogue);
  plan.params = workflow::resolve_params(plan.workflow, given, directory);
  plan.graph = Graph(plan.workflow, plan.params, catalogue);
  check_known_parameters(plan);
  return plan;
}

Plan restore_plan(const Json& json, const plugins::Catalogue& catalogue) {
  if (!json.is_object() || json.value("format", 0) != 1) {
    throw Error(ErrorCode::incompatible, "the run was recorded by another version of presswork",
                "start a new run; what is finished is taken from the cache");
  }
  Plan plan = assemble(json.at("text").get<std::string>(), json.at("file").get<std::string>(),
                       json.value("overrides", workflow::Overrides{}), catalogue);
  plan.params = json.at("params");
  plan.graph = Graph(plan.workflow, plan.params, catalogue);
  return plan;
}

}  // namespace presswork::engine
