#include "orchestrator/engine/named_steps.h"

#include <algorithm>

#include "orchestrator/base/error.h"
#include "orchestrator/engine/instance.h"
#include "orchestrator/engine/instance_name.h"
#include "orchestrator/engine/loop_state.h"
#include "orchestrator/workflow/position.h"

namespace presswork::engine {

using base::Error;
using base::ErrorCode;

namespace {

// All that the names can mean: the plan's graph, and of each loop the first iteration and those that they
// number.
Graph possible_steps(const Plan& plan, const std::vector<std::string>& names) {
  std::set<int> numbers = {1};
  for (const std::string& name : names) numbers.merge(iterations_in(name));
  Graph graph = plan.graph;
  const Instances none(graph.size());
  for (std::size_t step = 0; step < graph.size(); ++step) {  // it grows: loops may be in loops
    const workflow::Loop* loop = graph[step].node->loop();
    if (loop == nullptr) continue;
    const int most = most_iterations(*loop, values_of({plan, graph, none}, graph.place_in(0)));
    for (const int number : numbers) {
      if (number <= most) graph.add_iteration(static_cast<std::uint32_t>(step), number, {}, {});
    }
  }
  return graph;
}

std::vector<const Step*> steps_named(const Graph& graph, const std::string& name) {
  std::vector<const Step*> steps;
  for (const Step& step : graph.steps()) {
    if (is_meant(name, step.id)) steps.push_back(&step);
  }
  return steps;
}

[[noreturn]] void refuse_unknown(const std::string& option, const std::string& name, const Graph& graph) {
  std::vector<std::string> ids, names;
  for (const Step& step : graph.steps()) {
    ids.push_back(step.id);
    if (std::find(names.begin(), names.end(), step.node->id) == names.end()) names.push_back(step.node->id);
  }
  const std::string near = base::nearest(name, ids);
  throw Error(ErrorCode::invalid_input, option + ": the workflow has no stage " + name,
              near.empty() ? workflow::suggest(name.substr(name.rfind('/') + 1), names)
                           : "did you mean \"" + near + "\"?");
}

}  // namespace

bool is_named(const Step& step, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return is_meant(name, step.id); });
}

void check_forced(const Plan& plan, const std::vector<std::string>& names) {
  if (names.empty()) return;
  const Graph graph = possible_steps(plan, names);
  for (const std::string& name : names) {
    const std::vector<const Step*> steps = steps_named(graph, name);
    if (steps.empty()) refuse_unknown("--force", name, graph);
    if (std::any_of(steps.begin(), steps.end(), [](const Step* step) { return step->stage != nullptr; })) {
      continue;
    }
    throw Error(ErrorCode::invalid_input,
                "--force: " + name + " is no stage but a " + std::string(kind_of(*steps.front()->node)),
                "that is made anew in each run");
  }
}

void check_until(const Plan& plan, const std::vector<std::string>& names) {
  if (names.empty()) return;
  const Graph graph = possible_steps(plan, names);
  for (const std::string& name : names) {
    const std::vector<const Step*> steps = steps_named(graph, name);
    if (steps.empty()) refuse_unknown("--until", name, plan.graph);
    if (steps.front()->scope == 0) continue;  // what is outside of loops comes first
    const std::string loop = steps.front()->id.substr(0, steps.front()->id.find('['));
    throw Error(ErrorCode::invalid_input,
                "--until: " + name + " is in the loop " + loop + ", which runs as a whole",
                "--until " + loop + " runs all of it, and what it needs");
  }
}

}  // namespace presswork::engine
