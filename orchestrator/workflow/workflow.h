// The workflow document, read and checked: what the user wrote, with positions, before parameters have
// values.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
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
  std::vector<std::string> on;  // failure classes; empty: crashed, infrastructure
};

struct Resources {
  std::optional<std::uint64_t> memory;  // bytes
  std::optional<int> cores;
};

struct Stage {
  std::string uses;
  base::Where uses_where;
  Template with;
  std::map<std::string, Input> inputs;
  Retry retry;
  std::chrono::milliseconds timeout{0};  // 0: none
  Resources resources;
  std::uint64_t seed = 0;
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

struct Node {
  std::string id;
  std::string description;
  base::Where where;  // of the id
  std::vector<After> after;
  Join join = Join::standard;
  std::variant<Stage, Decision> work;

  const Stage* stage() const { return std::get_if<Stage>(&work); }
  const Decision* decision() const { return std::get_if<Decision>(&work); }
};

struct ChecklistItem {
  std::string title;
  Expression expression;
  bool required = false;
  base::Where where;
};

struct Workflow {
  std::string name;
  std::string description;
  std::filesystem::path file;  // absolute; empty when it was not read from a file
  std::vector<Param> params;
  std::vector<Node> nodes;  // in the order of the document
  std::vector<ChecklistItem> checklist;
  std::unordered_map<std::string, std::size_t>
      node_index;  // by id, filled by parse(); find() works without it

  const Node* find(std::string_view id) const;
  const Param* param(std::string_view name) const;
};

// Reads the YAML text: syntax, schemas/workflow.schema.json, expressions, names and cycles inside the
// document. Throws Error{invalid_workflow}; with several faults, `others` holds the rest.
Workflow parse(std::string_view text, const std::filesystem::path& file);
Workflow load(const std::filesystem::path& file);

// Checks the workflow against the stages that exist: unknown stages, parameters (literal ones against their
// JSON Schema), inputs, outputs and metrics, artifact types, expression types. Throws as parse().
void check(const Workflow& workflow, const plugins::Catalogue& catalogue);

// The values of all parameters: defaults, then `given` (each a JSON value, or a string that is read as the
// parameter's type). Relative paths: a default's from the workflow's folder, a given one's from `directory`.
// Throws Error{invalid_input}: unknown name with a suggestion, missing value, wrong type, schema violation.
base::Json resolve_params(const Workflow& workflow, const base::Json& given,
                          const std::filesystem::path& directory);

// The ids of the nodes that `node` needs: from `after:`, `inputs:` and the expressions in `with:` and
// `decide:`. Each once, in that order.
std::vector<std::string> needs(const Node& node);

// Every expression of the node: in `with:` or in `decide:`.
std::vector<const Expression*> expressions(const Node& node);

}  // namespace presswork::workflow
