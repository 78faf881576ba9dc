#include "orchestrator/workflow/workflow.h"

#include <algorithm>

#include "orchestrator/base/file_system.h"
#include "orchestrator/workflow/condition.h"
#include "orchestrator/workflow/document.h"
#include "orchestrator/workflow/names.h"
#include "orchestrator/workflow/need_graph.h"
#include "orchestrator/workflow/reader.h"
#include "orchestrator/workflow/schema.h"

namespace presswork::workflow {

std::vector<std::string> Decision::branches() const {
  std::vector<std::string> names;
  for (const Case& one : cases) {
    if (std::find(names.begin(), names.end(), one.then) == names.end()) names.push_back(one.then);
  }
  return names;
}

const Node* Workflow::find(std::string_view id) const {
  if (!node_index.empty()) {
    const auto found = node_index.find(std::string(id));
    return found == node_index.end() ? nullptr : &nodes[found->second];
  }
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [&](const Node& node) { return node.id == id; });
  return found == nodes.end() ? nullptr : &*found;
}

const Param* Workflow::param(std::string_view wanted) const {
  const auto found =
      std::find_if(params.begin(), params.end(), [&](const Param& p) { return p.name == wanted; });
  return found == params.end() ? nullptr : &*found;
}

std::vector<const Expression*> expressions(const Node& node) {
  std::vector<const Expression*> all;
  if (const Stage* stage = node.stage()) {
    for (const Template::Hole& hole : stage->with.holes()) all.push_back(&hole.expression);
  } else {
    for (const Case& one : node.decision()->cases) {
      if (one.when) all.push_back(&*one.when);
    }
  }
  return all;
}

std::vector<std::string> needs(const Node& node) {
  std::vector<std::string> ids;
  const auto add = [&](const std::string& id) {
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  };
  for (const After& after : node.after) add(after.node);
  if (const Stage* stage = node.stage()) {
    for (const auto& [name, input] : stage->inputs) {
      for (const OutputName& candidate : input.candidates) add(candidate.node);
    }
  }
  for (const Expression* expression : expressions(node)) {
    for (const Name& name : expression->names()) {
      if (name.parts[0] != "params") add(name.parts[0]);
    }
  }
  return ids;
}

Workflow parse(std::string_view text, const std::filesystem::path& file) {
  const auto document = Document::parse(text, file.empty() ? "workflow" : file.string());
  Faults faults;
  check_schema(*document, faults);
  faults.throw_if_any();  // what does not fit the schema cannot be read further

  Workflow workflow = read_workflow(document, faults);
  if (!file.empty()) workflow.file = std::filesystem::absolute(file).lexically_normal();
  check_edges(workflow, faults);
  check_expressions(workflow, nullptr, faults);
  const NeedGraph graph = need_graph(workflow);
  check_cycles(workflow, graph, faults);
  if (faults.empty()) check_conditions(workflow, graph, faults);
  faults.throw_if_any();
  return workflow;
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
