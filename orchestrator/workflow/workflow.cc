#include "orchestrator/workflow/workflow.h"

#include <algorithm>

#include "orchestrator/base/file_system.h"
#include "orchestrator/workflow/condition.h"
#include "orchestrator/workflow/document.h"
#include "orchestrator/workflow/names.h"
#include "orchestrator/workflow/need_graph.h"
#include "orchestrator/workflow/reader.h"
#include "orchestrator/workflow/schema.h"
#include "orchestrator/workflow/view.h"

namespace presswork::workflow {

std::vector<std::string> Decision::branches() const {
  std::vector<std::string> names;
  for (const Case& one : cases) {
    if (std::find(names.begin(), names.end(), one.then) == names.end()) names.push_back(one.then);
  }
  return names;
}

const Node* Scope::find(std::string_view id) const {
  if (!node_index.empty()) {
    const auto found = node_index.find(std::string(id));
    return found == node_index.end() ? nullptr : &nodes[found->second];
  }
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [&](const Node& node) { return node.id == id; });
  return found == nodes.end() ? nullptr : &*found;
}

const StateVariable* Loop::variable(std::string_view name) const {
  const auto found =
      std::find_if(state.begin(), state.end(), [&](const StateVariable& one) { return one.name == name; });
  return found == state.end() ? nullptr : &*found;
}

const Param* Workflow::param(std::string_view wanted) const {
  const auto found =
      std::find_if(params.begin(), params.end(), [&](const Param& p) { return p.name == wanted; });
  return found == params.end() ? nullptr : &*found;
}

namespace {

using Expressions = std::vector<const Expression*>;
using Inputs = std::vector<const Input*>;

void add(Expressions& all, const std::optional<Expression>& one) {
  if (one) all.push_back(&*one);
}

void add(Expressions& all, const Template& holes) {
  for (const Template::Hole& hole : holes.holes()) all.push_back(&hole.expression);
}

void add(Expressions& all, const Choice& choice) {
  add(all, choice.where);
  add(all, choice.objective);
}

void add(Expressions& all, const Exports& exports) {
  for (const auto& [name, expression] : exports.metrics) all.push_back(&expression);
}

void add(Inputs& all, const std::map<std::string, Input>& some) {
  for (const auto& [name, input] : some) all.push_back(&input);
}

// The ids of all nodes in the loop's body and in the loops in it.
void add_ids(const Loop& loop, std::vector<std::string>& ids) {
  for (const Node& node : loop.body->nodes) {
    ids.push_back(node.id);
    if (node.loop() != nullptr) add_ids(*node.loop(), ids);
  }
}

}  // namespace

std::vector<const Expression*> expressions(const Node& node) {
  Expressions all;
  if (const Stage* stage = node.stage()) {
    add(all, stage->with);
  } else if (const Decision* decision = node.decision()) {
    for (const Case& one : decision->cases) add(all, one.when);
  } else if (const Select* select = node.select()) {
    add(all, select->choice);
    add(all, select->exports);
  } else if (const Loop* loop = node.loop()) {
    for (const StateVariable& variable : loop->state) add(all, variable.initial);
    for (const Node& inner : loop->body->nodes) {
      const Expressions more = expressions(inner);
      all.insert(all.end(), more.begin(), more.end());
    }
    for (const LoopCase& one : loop->decide) {
      add(all, one.when);
      for (const auto& [name, value] : one.set) add(all, value);
    }
    add(all, loop->best);
    add(all, loop->exports);
  }
  return all;
}

std::vector<const Input*> inputs(const Node& node) {
  Inputs all;
  if (const Stage* stage = node.stage()) {
    add(all, stage->inputs);
  } else if (const Select* select = node.select()) {
    add(all, select->exports.outputs);
  } else if (const Loop* loop = node.loop()) {
    for (const StateVariable& variable : loop->state) all.push_back(&variable.initial_artifact);
    for (const Node& inner : loop->body->nodes) {
      const Inputs more = inputs(inner);
      all.insert(all.end(), more.begin(), more.end());
    }
    for (const LoopCase& one : loop->decide) add(all, one.set_artifacts);
    add(all, loop->exports.outputs);
  }
  return all;
}

bool reads_node(const Name& name) {
  const std::string& first = name.parts[0];
  return first != "params" && first != "state" && first != "loop" && first != "matrix";
}

std::vector<std::string> needs(const Node& node) {
  std::vector<std::string> ids;
  std::vector<std::string> inside;
  if (node.loop() != nullptr) add_ids(*node.loop(), inside);
  const auto add_need = [&](const std::string& id) {
    if (std::find(inside.begin(), inside.end(), id) != inside.end()) return;
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  };
  const auto add_after = [&](const Node& one, const auto& self) -> void {
    for (const After& after : one.after) add_need(after.node);
    if (one.loop() == nullptr) return;
    for (const Node& inner : one.loop()->body->nodes) self(inner, self);
  };
  add_after(node, add_after);
  for (const Input* input : inputs(node)) {
    for (const OutputName& candidate : input->candidates) {
      if (candidate.node != "state") add_need(candidate.node);
    }
  }
  if (node.select() != nullptr) add_need(node.select()->from);
  for (const Expression* expression : expressions(node)) {
    for (const Name& name : expression->names()) {
      if (reads_node(name)) add_need(name.parts[0]);
    }
  }
  return ids;
}

std::optional<Workflow> parse(std::string_view text, const std::filesystem::path& file, Faults& faults) {
  const auto document = Document::parse(text, file.empty() ? "workflow" : file.string());
  if (!check_schema(*document, faults)) return std::nullopt;

  Workflow workflow = read_workflow(document, faults);
  if (!file.empty()) workflow.file = std::filesystem::absolute(file).lexically_normal();
  check_edges(workflow, faults);
  check_expressions(workflow, nullptr, faults);
  walk(View::of(workflow),
       [&](const View& view) { check_cycles(*view.scope, need_graph(*view.scope), faults); });
  if (faults.empty()) check_conditions(workflow, faults);
  return workflow;
}

Workflow parse(std::string_view text, const std::filesystem::path& file) {
  Faults faults;
  std::optional<Workflow> workflow = parse(text, file, faults);
  faults.throw_if_any();
  return *std::move(workflow);
}

Workflow load(const std::filesystem::path& file) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(file, failed);  // fails for folders and devices
  if (!failed && size > Document::max_bytes) {
    throw base::Error(base::ErrorCode::invalid_workflow, "this file is too large for a workflow", {},
                      {file.string(), 0, 0, {}});
  }
  if (failed && std::filesystem::exists(file)) {
    throw base::Error(base::ErrorCode::invalid_workflow, "this is no file that could hold a workflow", {},
                      {file.string(), 0, 0, {}});
  }
  return parse(base::real_file_system().read(file), file);
}

}  // namespace presswork::workflow
