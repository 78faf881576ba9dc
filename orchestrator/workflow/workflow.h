// The workflow document, read and checked: what the user wrote, with positions, before parameters have
// values.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "orchestrator/base/error.h"
#include "orchestrator/base/json.h"
#include "orchestrator/plugins/catalogue.h"
#include "orchestrator/workflow/expression.h"
#include "orchestrator/workflow/position.h"

namespace presswork::workflow {

enum class ParamType { string, path, integer, number, boolean, list };

struct Param {
  std::string name;
  ParamType type = ParamType::string;
  std::optional<base::Json> fallback;  // the `default:`; a path is relative to the workflow's folder
  std::string description;
  base::Json schema;  // the further JSON Schema keywords (minimum, enum, …)
  base::Where where;
};

// `stage.output`, as it stands under `inputs:`.
struct OutputName {
  std::string node;
  std::string output;
  base::Where where;

  std::string text() const { return node + "." + output; }
};

// An input: one output, or the first of several that exists (`first(a.x, b.x)`).
struct Input {
  std::vector<OutputName> candidates;
  base::Where where;
  base::Where name_where;  // of the input's name
};

// An entry of `after:`: a node, or one branch of a decision (`limit.yes`).
struct After {
  std::string node;
  std::string branch;  // empty: any
  base::Where where;
};

// When a node may start, judged once all its needs have ended. A branch that was not taken counts as skipped;
// whatever the join, each input must have a value.
//   standard     no need failed, and one of `after:` succeeded (when it names any)
//   all_success  every need succeeded       any_success  one need succeeded, others may have failed
//   all_done     always                     on_failure   a need failed
enum class Join { standard, all_success, any_success, all_done, on_failure };

struct Retry {
  int attempts = 1;  // in all
  std::chrono::milliseconds backoff{0};
  std::chrono::milliseconds backoff_cap{std::chrono::minutes(10)};
  std::vector<std::string> on = {"crashed", "infrastructure"};  // kinds of failure
};

struct Resources {
  std::optional<std::uint64_t> memory;  // bytes
  std::optional<int> cores;             // more than there are: all of them
  int gpus = 0;
  std::map<std::string, int> tokens;  // named things of which the machine has so many: licences, disks, …
};

// What becomes of the run when a stage has failed for good.
//   fail      the run fails; what needs the stage is skipped, what does not goes on
//   carry_on  the stage counts as skipped: `first(…)` and `has(…)` go around it, and the run may succeed
//   rollback  the stage's own rollback is called in a new child, then as `fail`
enum class OnFailure { fail, carry_on, rollback };

// `matrix:` makes one instance of a stage for each combination of the axes' values, first axis slowest, less
// `exclude` (those that have all the values of an entry), and then the entries of `include`.
struct Matrix {
  struct Axis {
    std::string name;
    Template values;  // a list, or one ${{ expression over params }} that gives one
    base::Where where;
  };
  struct Entry {
    base::Json cell;  // {axis: value}
    base::Where where;
  };
  std::string from;  // `{from: stage}`: the instances of another stage; the rest is empty then
  std::vector<Axis> axes;
  std::vector<Entry> include, exclude;
  base::Where where;

  static constexpr std::size_t max_cells = 1'000'000;
};

struct Stage {
  std::string uses;
  base::Where uses_where;
  Template with;
  std::map<std::string, Input> inputs;
  Retry retry;
  std::chrono::milliseconds timeout{0};     // 0: none
  std::chrono::milliseconds grace{10'000};  // between being told to end and being killed
  Resources resources;
  std::uint64_t seed = 0;
  OnFailure on_failure = OnFailure::fail;
  std::optional<Matrix> matrix;
};

struct Case {
  std::optional<Expression> when;  // nothing: the default
  std::string then;
  base::Where where;
};

struct Decision {
  std::vector<Case> cases;  // first match wins
  std::vector<std::string> branches() const;
};

// Which of several is the best: of those that `where` holds for, the one with the least (greatest) objective;
// the first of equals.
struct Choice {
  std::optional<Expression> where;
  std::optional<Expression> objective;  // nothing: the first that `where` holds for
  bool maximize = false;
};

// What a node that is no stage offers to others beside its own values.
struct Exports {
  std::map<std::string, Input> outputs;
  std::map<std::string, Expression> metrics;
};

// `select:` picks one instance of a stage with a matrix. Its outputs and metrics are those of that instance,
// and those that `exports` adds, read in the same cell.
struct Select {
  std::string from;
  base::Where from_where;
  Choice choice;
  Exports exports;
};

// What a loop carries from one iteration to the next: a value, or an artifact.
struct StateVariable {
  std::string name;
  std::optional<ParamType> type;  // nothing: an artifact
  Template initial;               // of a value
  Input initial_artifact;
  base::Where where;
};

struct LoopCase {
  enum class Action { leave, again, fail };
  std::optional<Expression> when;  // nothing: the default
  Action action = Action::leave;
  std::map<std::string, Template> set;  // values; what is not set stays
  std::map<std::string, Input> set_artifacts;
  std::string message;  // of fail
  base::Where where;
};

struct Scope;

// A body of nodes that is run again and again, at most `max` times, with its own state.
struct Loop {
  enum class Exhausted { fail, last, best };
  Template max;  // an integer, or one ${{ expression over params }}
  base::Where max_where;
  std::vector<StateVariable> state;
  std::shared_ptr<Scope> body;
  std::vector<LoopCase> decide;  // judged when all of the body has ended; first match wins
  Exhausted on_exhausted = Exhausted::fail;
  Choice best;      // for Exhausted::best
  Exports exports;  // read in the iteration that is the result

  static constexpr int most_iterations = 10'000;
  const StateVariable* variable(std::string_view name) const;
};

struct Node {
  std::string id;
  std::string description;
  base::Where where;  // of the id
  std::vector<After> after;
  Join join = Join::standard;
  std::variant<Stage, Decision, Loop, Select> work;

  const Stage* stage() const { return std::get_if<Stage>(&work); }
  const Decision* decision() const { return std::get_if<Decision>(&work); }
  const Loop* loop() const { return std::get_if<Loop>(&work); }
  const Select* select() const { return std::get_if<Select>(&work); }
  const Matrix* matrix() const {
    const Stage* found = stage();
    return found != nullptr && found->matrix ? &*found->matrix : nullptr;
  }
  // Whether its failure counts as being skipped.
  bool may_fail() const {
    const Stage* found = stage();
    return found != nullptr && found->on_failure == OnFailure::carry_on;
  }
};

// Nodes that see each other: those of the workflow, or of a loop's body. A body also sees what is around its
// loop; no name means two things.
struct Scope {
  std::vector<Node> nodes;                                  // in the order of the document
  std::unordered_map<std::string, std::size_t> node_index;  // by id, filled by parse(); find() works without

  const Node* find(std::string_view id) const;
};

struct ChecklistItem {
  std::string title;
  Expression expression;
  bool required = false;
  base::Where where;
};

struct Workflow : Scope {
  std::string name;
  std::string description;
  std::filesystem::path file;  // absolute; empty when it was not read from a file
  std::vector<Param> params;
  std::vector<ChecklistItem> checklist;

  const Param* param(std::string_view name) const;
};

// Reads the YAML text: syntax, schemas/workflow.schema.json, expressions, names and cycles inside the
// document. Throws Error{invalid_workflow}; with several faults, `others` holds the rest.
Workflow parse(std::string_view text, const std::filesystem::path& file);
// Adds the faults to `faults` instead, so that they can be shown with those of check(); nothing when the text
// cannot be read far enough for that. Throws for what is no YAML.
std::optional<Workflow> parse(std::string_view text, const std::filesystem::path& file, Faults& faults);
Workflow load(const std::filesystem::path& file);

// Checks the workflow against the stages that exist: unknown stages, parameters (literal ones against their
// JSON Schema), inputs, outputs and metrics, artifact types, expression types. Throws as parse().
void check(const Workflow& workflow, const plugins::Catalogue& catalogue);
void check(const Workflow& workflow, const plugins::Catalogue& catalogue, Faults& faults);

// The values of all parameters: defaults, then `given` (each a JSON value, or a string that is read as the
// parameter's type). Relative paths: a default's from the workflow's folder, a given one's from `directory`.
// Throws Error{invalid_input}: unknown name with a suggestion, missing value, wrong type, schema violation.
base::Json resolve_params(const Workflow& workflow, const base::Json& given,
                          const std::filesystem::path& directory);

// The ids of the nodes that `node` needs, each once: from `after:`, from inputs, from expressions, and for a
// loop all that its body needs from outside. A node of a body may need nodes around its loop.
std::vector<std::string> needs(const Node& node);

// Every expression and every input of the node; of a loop, those in its body too.
std::vector<const Expression*> expressions(const Node& node);
std::vector<const Input*> inputs(const Node& node);

// The nodes that a name in an expression reads: none for params, state, loop and matrix.
bool reads_node(const Name& name);

// The parameters that have a default, with it.
base::Json default_params(const Workflow& workflow);

// The values of params.NAME and matrix.NAME; no other name has one. Both must outlive the result.
ValueOf known_values(const base::Json& params, const base::Json& cell);

// The matrix's cells as {axis: value}, in order; nothing when there is none, or an axis has no value yet.
// Adds faults: no list, an exclusion that matches nothing, a cell given twice, too many.
std::optional<std::vector<base::Json>> cells(const Matrix& matrix, const ValueOf& value_of, Faults& faults);

// How often the loop may run its body. Throws Error{invalid_workflow}.
int most_iterations(const Loop& loop, const ValueOf& value_of);

// Checks what these parameters, which need not be all, make of the workflow: matrices, loops' `max`, and the
// parameters of stages, as far as they depend on nothing that only a run finds out. For a workflow that has
// been through check().
void check_values(const Workflow& workflow, const plugins::Catalogue& catalogue, const base::Json& params,
                  Faults& faults);

}  // namespace presswork::workflow
