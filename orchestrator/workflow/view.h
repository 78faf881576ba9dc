// What a place in a workflow sees: the nodes beside it, those around the loops that it is in, and the state
// of the innermost loop.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/workflow/workflow.h"

namespace presswork::workflow {

struct View {
  const Workflow* workflow = nullptr;
  const Scope* scope = nullptr;
  const Loop* loop = nullptr;    // whose body the scope is; null for the workflow's own
  const View* around = nullptr;  // what the loop itself sees

  static View of(const Workflow& workflow) { return {&workflow, &workflow, nullptr, nullptr}; }
  View inside(const Loop& inner) const { return {workflow, inner.body.get(), &inner, this}; }

  // The node of that name, and the view that it stands in; null when there is none.
  struct Found {
    const Node* node = nullptr;
    const View* view = nullptr;
    explicit operator bool() const { return node != nullptr; }
  };
  Found find(std::string_view id) const;
  std::vector<std::string> ids() const;  // of all nodes that are seen

  // The stage whose matrix the node's instances follow (its own, by `from`, or that of what it selects from);
  // null for a node of one instance. Nodes of one lineage meet in the same cell.
  const Node* lineage(const Node& node) const;

  // Whether `reader` (null: the checklist) finds many instances of `node`, not one.
  bool sees_many(const Node* reader, const Node& node) const;
};

// The view of the workflow and that of each loop's body, the outer ones first.
template <class Visit>
void walk(const View& view, Visit&& visit) {
  visit(view);
  for (const Node& node : view.scope->nodes) {
    if (node.loop() != nullptr) walk(view.inside(*node.loop()), visit);
  }
}

}  // namespace presswork::workflow
