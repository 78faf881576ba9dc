// What the values of the workflow's parameters make of it.
#include <map>

#include "orchestrator/plugins/catalogue.h"
#include "orchestrator/workflow/check_parameters.h"
#include "orchestrator/workflow/position.h"
#include "orchestrator/workflow/view.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::workflow {

using base::Error;
using base::ErrorCode;
using base::Json;

ValueOf known_values(const Json& params, const Json& cell) {
  return [&](const Name& name) -> std::optional<Json> {
    const Json* values = name.parts[0] == "params" ? &params : name.parts[0] == "matrix" ? &cell : nullptr;
    if (values == nullptr || name.parts.size() != 2 || !values->contains(name.parts[1])) return std::nullopt;
    return (*values)[name.parts[1]];
  };
}

int most_iterations(const Loop& loop, const ValueOf& value_of) {
  const Json max = loop.max.evaluate(value_of);
  if (max.is_number_integer() && max >= Json(1) && max <= Json(Loop::most_iterations)) return max.get<int>();
  throw Error(ErrorCode::invalid_workflow, "\"max\" is " + max.dump(),
              "it must be an integer from 1 to " + std::to_string(Loop::most_iterations), loop.max_where);
}

namespace {

class ValueCheck {
 public:
  ValueCheck(const plugins::Catalogue& catalogue, const Json& params, Faults& faults)
      : catalogue_(catalogue), params_(params), faults_(faults) {}

  void check(const View& view, const Node& node) {
    if (node.loop() != nullptr) check_max(*node.loop());
    if (node.stage() == nullptr) return;
    const auto* cells = cells_of(view, node);
    const plugins::StageDescription* description = catalogue_.find(node.stage()->uses);
    if (cells != nullptr && description != nullptr)
      check_parameter_values(*node.stage(), *description, params_, *cells, faults_);
  }

 private:
  void check_max(const Loop& loop) {
    const ValueOf value_of = known_values(params_, none_);
    const base::Where& where =
        loop.max.is_literal() ? loop.max_where : loop.max.holes().front().expression.where();
    if (!loop.max.is_known(value_of) || faults_.has(where)) return;
    try {
      most_iterations(loop, value_of);
    } catch (const Error& error) {
      faults_.add(error.where, error.message, error.hint);
    }
  }

  // Those of the matrix that the node follows, or one without values; null where they are not known.
  const std::vector<Json>* cells_of(const View& view, const Node& node) {
    if (node.matrix() == nullptr) return &single_;
    const Node* lineage = view.lineage(node);
    if (lineage == nullptr) return nullptr;
    const auto [place, fresh] = cells_.try_emplace(lineage);
    if (fresh) place->second = cells(*lineage->matrix(), known_values(params_, none_), faults_);
    return place->second ? &*place->second : nullptr;
  }

  const plugins::Catalogue& catalogue_;
  const Json& params_;
  Faults& faults_;
  const Json none_ = Json::object();
  const std::vector<Json> single_ = {none_};
  std::map<const Node*, std::optional<std::vector<Json>>> cells_;  // by lineage
};

}  // namespace

void check_values(const Workflow& workflow, const plugins::Catalogue& catalogue, const Json& params,
                  Faults& faults) {
  ValueCheck check(catalogue, params, faults);
  walk(View::of(workflow), [&](const View& view) {
    for (const Node& node : view.scope->nodes) check.check(view, node);
  });
}

}  // namespace presswork::workflow
