// A workflow or a run as a picture: nodes, edges, and frames around the bodies of loops. Nothing here knows
// how it will be drawn.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "orchestrator/base/json.h"
#include "orchestrator/store/ledger.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::report {

constexpr std::size_t kNoNode = static_cast<std::size_t>(-1);

struct DrawnNode {
  enum class Shape { stage, decision, loop, select };

  std::string id;     // unique: "tune/quantize", or of an instance "tune[2]/quantize[bits=4]"
  std::string label;  // what is written; the last part of the id
  std::string uses;   // of a selection: how it chooses
  Shape shape = Shape::stage;
  std::size_t parent = kNoNode;  // the loop whose body it is part of; a loop is a frame around its body
  bool stacked = false;          // one box for many instances
  std::size_t count = 0;         // how many, 0: not known
  std::string again;             // of a loop: the label of the way back

  // Of a run.
  std::string state;   // "" when no run is shown
  std::string note;    // beside the label: the time, the branch
  double seconds = 0;  // of work done in this run
  bool critical = false;
  std::vector<std::pair<std::string, std::string>> details;  // for a tooltip: name, value
};

struct DrawnEdge {
  std::size_t from = 0, to = 0;
  bool solid = true;  // carries artifacts or leads out of a decision; else metrics or only order
  std::string label = {};
  bool branch = false;  // the label is that of a decision's branch
  bool taken = true;    // false: the run went another way
  bool critical = false;
};

struct Drawing {
  std::string title, subtitle;
  std::vector<DrawnNode> nodes;
  std::vector<DrawnEdge> edges;

  std::size_t add(DrawnNode node);                // gives its index
  std::size_t find(const std::string& id) const;  // kNoNode when there is none

 private:
  std::unordered_map<std::string, std::size_t> index_;
};

// Nodes have the ids that instances have less their brackets: "tune/quantize". Parameters that `params` has
// no value for have their default.
Drawing drawing_of(const workflow::Workflow& workflow, const base::Json& params = {});

struct RunToDraw {
  store::RunRow run;
  std::vector<store::InstanceRow> instances;
  std::map<std::string, double> seconds;  // of the work itself, as its checkpoint has it, by instance
  std::vector<store::AttemptRow> attempts;
  std::vector<store::DecisionRow> decisions;
  std::string now;  // UTC, for how long something has been running
};

// Adds what a run came to: states, times, branches, and the longest chain of work as the critical path. Of
// several instances of a node the worst state is shown, and all of them are counted. Instances that the
// drawing has no node for become nodes.
void add_run(Drawing& drawing, const RunToDraw& run);

// Each instance of the run as a node of its own, each iteration of a loop as a frame.
Drawing drawing_of(const RunToDraw& run);

// Marks the chain of nodes and edges whose times add up to the most.
void mark_critical_path(Drawing& drawing);

}  // namespace presswork::report
