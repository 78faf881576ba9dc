#include "orchestrator/workflow/view.h"

namespace presswork::workflow {

View::Found View::find(std::string_view id) const {
  for (const View* view = this; view != nullptr; view = view->around) {
    if (const Node* node = view->scope->find(id)) return {node, view};
  }
  return {};
}

std::vector<std::string> View::ids() const {
  std::vector<std::string> ids;
  for (const View* view = this; view != nullptr; view = view->around) {
    for (const Node& node : view->scope->nodes) ids.push_back(node.id);
  }
  return ids;
}

const Node* View::lineage(const Node& node) const {
  const Node* at = &node;
  for (std::size_t steps = 0; steps < 1000; ++steps) {  // a circle of `from` is a fault reported elsewhere
    const std::string* from = nullptr;
    if (at->select() != nullptr) {
      from = &at->select()->from;
    } else if (at->matrix() == nullptr) {
      return nullptr;
    } else if (at->matrix()->from.empty()) {
      return at;
    } else {
      from = &at->matrix()->from;
    }
    at = find(*from).node;
    if (at == nullptr) return nullptr;
  }
  return nullptr;
}

bool View::sees_many(const Node* reader, const Node& node) const {
  if (node.matrix() == nullptr) return false;
  return reader == nullptr || lineage(*reader) == nullptr || lineage(*reader) != lineage(node);
}

}  // namespace presswork::workflow
