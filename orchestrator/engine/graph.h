// The instances of a plan and who needs whom. The workflow's own nodes are there from the start, one step for
// each cell of a matrix; an iteration of a loop adds those of its body while the run goes on.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "orchestrator/base/json.h"
#include "orchestrator/plugins/catalogue.h"
#include "orchestrator/workflow/view.h"

namespace presswork::engine {

// An input of a stage, bound to what another instance made.
struct BoundInput {
  std::string instance, output, type;
  std::string digest;  // empty for an instance's metrics until they are written down
};

struct Step {
  std::string id;  // "quantize", "quantize[bits=4]", "tune[2]/quantize"
  const workflow::Node* node = nullptr;
  const plugins::StageDescription* stage = nullptr;  // null for what is no stage
  std::uint32_t scope = 0;
  std::int32_t cell = -1;            // of its matrix
  std::vector<std::uint32_t> needs;  // steps, each once
};

// "stage", "decision", "loop" or "select".
std::string_view kind_of(const workflow::Node& node);

// One set of nodes that see each other: the workflow's, or those of one iteration of a loop.
struct StepScope {
  static constexpr std::uint32_t none = 0xffffffffu;

  const workflow::Scope* nodes = nullptr;
  std::uint32_t outer = none;                   // the scope that the loop stands in
  std::uint32_t loop = none;                    // the loop's step
  int iteration = 0;                            // from 1
  base::Json state = base::Json::object();      // of the loop: values
  std::map<std::string, BoundInput> artifacts;  // and artifacts
  std::uint32_t first = 0, count = 0;           // its steps, needs first
};

// Some steps that follow each other: the cells of a node, or the one that it has.
struct Group {
  std::uint32_t first = 0, count = 0;
  bool many = false;  // the reader sees a list, even of one
};

// Where expressions and inputs are read: what they see, and in which cell of which matrix.
struct Place {
  std::uint32_t scope = 0;
  const workflow::Node* lineage = nullptr;
  std::int32_t cell = -1;
};

class Graph {
 public:
  Graph() = default;
  // The workflow must outlive the graph and not move its nodes. Throws Error{invalid_workflow} for a matrix
  // that comes to nothing.
  Graph(const workflow::Workflow& workflow, const base::Json& params, const plugins::Catalogue& catalogue);

  // Adds an iteration of the loop that `loop` is a step of; gives the scope's index.
  std::uint32_t add_iteration(std::uint32_t loop, int iteration, base::Json state,
                              std::map<std::string, BoundInput> artifacts);

  std::size_t size() const { return steps_.size(); }
  const Step& operator[](std::size_t step) const { return steps_[step]; }
  const std::deque<Step>& steps() const { return steps_; }
  const StepScope& scope(std::uint32_t index) const { return scopes_[index]; }
  std::size_t scopes() const { return scopes_.size(); }

  Place place_of(std::size_t step) const;
  // The place of a loop's own expressions at the end of an iteration, or of the checklist (scope 0).
  Place place_in(std::uint32_t scope) const { return {scope, nullptr, -1}; }

  // The steps that `name` means at a place; no step when the name is none that is seen there.
  Group seen(const Place& place, const std::string& name) const;

  // The values of the matrix in a cell of that lineage: {name: value}.
  const base::Json& cell(const workflow::Node* lineage, std::int32_t cell) const;
  const workflow::Node* lineage(const workflow::Node& node) const;
  std::size_t cells(const workflow::Node* lineage) const;

  // The step of that id; size() when there is none.
  std::size_t find(const std::string& id) const;

 private:
  struct Cells {
    std::vector<base::Json> values;
    std::vector<std::string> labels;  // "bits=4,group_size=32"
  };
  std::uint32_t add_scope(StepScope scope, const std::string& prefix);
  const std::vector<std::string>& needs_of(const workflow::Node& node);

  const plugins::Catalogue* catalogue_ = nullptr;
  std::deque<Step> steps_;
  std::deque<StepScope> scopes_;
  std::vector<std::unordered_map<std::string, Group>> names_;  // by scope
  std::map<const workflow::Node*, const workflow::Node*> lineages_;
  std::map<const workflow::Node*, std::shared_ptr<const Cells>> cells_;  // by lineage
  std::map<const workflow::Node*, std::vector<std::string>> needs_;
  std::unordered_map<std::string, std::uint32_t> index_;
};

}  // namespace presswork::engine
