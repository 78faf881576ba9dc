#include "orchestrator/engine/plan.h"

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/topological_sort.hpp>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/engine/instance.h"

namespace presswork::engine {

using base::Error;
using base::ErrorCode;
using base::Json;

namespace {

// Needs first; among nodes that do not depend on each other, the order of the document.
std::vector<std::size_t> order_of(const std::vector<std::vector<std::size_t>>& needs) {
  using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS>;
  Graph graph(needs.size());
  for (std::size_t node = 0; node < needs.size(); ++node) {
    for (std::size_t need : needs[node]) boost::add_edge(node, need, graph);
  }
  std::vector<std::size_t> order;
  order.reserve(needs.size());
  try {
    // An edge points at what is needed, so the sort's reversed output has needs first.
    boost::topological_sort(graph, std::back_inserter(order));
  } catch (const boost::not_a_dag&) {
    throw Error(ErrorCode::internal, "the workflow has a cycle that its check did not find");
  }
  return order;
}

Plan assemble(workflow::Workflow workflow, std::string text, const plugins::Catalogue& catalogue) {
  workflow::check(workflow, catalogue);
  Plan plan;
  plan.workflow = std::move(workflow);
  plan.text = std::move(text);
  std::map<std::string, std::size_t> index;
  for (const workflow::Node& node : plan.workflow.nodes) index.emplace(node.id, index.size());
  for (const workflow::Node& node : plan.workflow.nodes) {
    std::vector<std::size_t> needed;
    for (const std::string& id : workflow::needs(node)) needed.push_back(index.at(id));
    plan.needs.push_back(std::move(needed));
    plan.stages.push_back(node.stage() == nullptr ? nullptr : catalogue.find(node.stage()->uses));
  }
  plan.order = order_of(plan.needs);
  return plan;
}

bool reads_only_params(const workflow::Template& with) {
  for (const auto& hole : with.holes()) {
    for (const workflow::Name& name : hole.expression.names()) {
      if (name.parts.front() != "params") return false;
    }
  }
  return true;
}

// Stages whose parameters depend on the workflow's alone are checked before anything runs, and so are the
// files that they name.
void check_known_parameters(const Plan& plan) {
  const Instances none(plan.workflow.nodes.size());
  for (std::size_t i = 0; i < plan.workflow.nodes.size(); ++i) {
    const workflow::Node& node = plan.workflow.nodes[i];
    if (node.stage() == nullptr || !reads_only_params(node.stage()->with)) continue;
    try {
      const Json with = bind_parameters(plan, i, none);
      for (const std::string& name : input_path_parameters(*plan.stages[i], with)) {
        const std::string path = with[name].get<std::string>();
        if (!base::real_file_system().status(path)) {
          throw Error(
              ErrorCode::invalid_input, node.id + ": there is no " + path,
              "correct the parameter " + name + " of the stage, or the workflow parameter that it comes from",
              node.where);
        }
      }
    } catch (const Error& error) {
      throw Error(ErrorCode::invalid_input, error.message, error.hint, error.where);
    }
  }
}

}  // namespace

Json Plan::to_json() const {
  return {{"format", 1}, {"file", workflow.file.string()}, {"text", text}, {"params", params}};
}

Plan make_plan(std::string text, const std::filesystem::path& file, const Json& given,
               const std::filesystem::path& directory, const plugins::Catalogue& catalogue) {
  workflow::Workflow workflow = workflow::parse(text, file);
  Plan plan = assemble(std::move(workflow), std::move(text), catalogue);
  plan.params = workflow::resolve_params(plan.workflow, given, directory);
  check_known_parameters(plan);
  return plan;
}

Plan restore_plan(const Json& json, const plugins::Catalogue& catalogue) {
  if (!json.is_object() || json.value("format", 0) != 1) {
    throw Error(ErrorCode::incompatible, "the run was recorded by another version of presswork",
                "start a new run; what is finished is taken from the cache");
  }
  std::string text = json.at("text").get<std::string>();
  workflow::Workflow workflow = workflow::parse(text, json.at("file").get<std::string>());
  Plan plan = assemble(std::move(workflow), std::move(text), catalogue);
  plan.params = json.at("params");
  return plan;
}

}  // namespace presswork::engine
