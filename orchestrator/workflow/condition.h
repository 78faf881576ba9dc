// When nodes run and have a result, as far as it is known before the run: which branches must be taken.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "orchestrator/workflow/need_graph.h"
#include "orchestrator/workflow/position.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::workflow {

// A decision took a branch: indices of the node and of the branch. A node that runs only after a failure, or
// whose own failure counts as being skipped, counts as a decision with the branches "it has a result" (0) and
// "it has none" (1).
using Taken = std::pair<std::size_t, std::size_t>;

// One way to come to a node: all of these, sorted.
using Way = std::vector<Taken>;

// Any of these ways; an empty way is "always", no way is "never". Failures that fail the run are not part of
// it: a node whose needs fail is not run either, and nothing is said about that before the run.
struct Condition {
  std::vector<Way> ways;
  bool too_large = false;  // more ways than we follow; nothing is known then

  static Condition always() { return {{{}}, false}; }
  // Of a node that counts as a decision.
  static Condition has_result(std::size_t node) { return {{{{node, 0}}}, false}; }
  bool is_always() const { return ways.size() == 1 && ways[0].empty(); }
};

class Conditions {
 public:
  // Of the nodes of one scope; what is around it exists whenever its loop runs. The graph must have no cycle.
  Conditions(const Scope& scope, const NeedGraph& graph);

  // When there is something to read of it.
  const Condition& of(std::size_t node) const { return conditions_[node]; }
  // When it runs: what `after:` and `join:` ask for, without what the node reads.
  Condition control(std::size_t node, const std::vector<std::size_t>& needs) const;
  // always() for what is not of this scope.
  Condition of(const std::string& id) const;

  // Whether `needed` holds in every run in which `given` holds; true when that is not known.
  bool implies(const Condition& given, const Condition& needed) const;
  Condition either(const Condition& a, const Condition& b) const;
  Condition both(const Condition& a, const Condition& b) const;

  // "limit.yes", "limit.yes and size.small, or other.no".
  std::string text(const Condition& condition) const;

 private:
  std::optional<std::size_t> index(const std::string& id) const;
  Condition taken(std::size_t node, std::size_t branch) const;
  Condition of_edge(const After& after) const;
  std::size_t branches(std::size_t node) const;
  void simplify(Condition& condition) const;
  bool covers(const Way& given, std::vector<Way> ways, int& steps) const;

  const Scope& scope_;
  std::vector<Condition> conditions_;
};

// Reading what may have been skipped is a fault, unless first(…) or has(…) takes care of it.
void check_conditions(const Workflow& workflow, Faults& faults);

}  // namespace presswork::workflow
