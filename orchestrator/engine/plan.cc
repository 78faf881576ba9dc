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

bool takes_input_path(const plugins::StageDescription& stage) {
  const auto properties = stage.parameters.find("properties");
  return properties != stage.parameters.end() &&
         std::any_of(properties->begin(), properties->end(), [](const Json& schema) {
           return schema.is_object() && schema.value("format", "") == "input-path";
         });
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

// The files that are named by parameters which are known before anything runs.
void check_known_paths(const Plan& plan) {
  const Instances none(plan.graph.size());
  for (std::size_t i = 0; i < plan.graph.size(); ++i) {
    const Step& step = plan.graph[i];
    if (step.stage == nullptr || !takes_input_path(*step.stage)) continue;
    if (!reads_only_constants(step.node->stage()->with)) continue;
    check_input_paths(step, bind_parameters({plan, plan.graph, none}, i));
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
  // What the values that were given make of a workflow which may be sound is the fault of those.
  workflow::Faults faults(given.empty() ? ErrorCode::invalid_workflow : ErrorCode::invalid_input);
  workflow::check_values(plan.workflow, catalogue, plan.params, faults);
  faults.throw_if_any();
  plan.graph = Graph(plan.workflow, plan.params, catalogue);
  check_known_paths(plan);
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
