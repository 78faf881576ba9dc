#include <algorithm>

#include "orchestrator/plugins/catalogue.h"
#include "orchestrator/workflow/names.h"

namespace presswork::workflow {

namespace {

// What every stage offers beside its own outputs: a JSON file of its metrics.
constexpr std::string_view metrics_output = "metrics";

class EdgeCheck {
 public:
  EdgeCheck(const View& view, Faults& faults) : view_(view), faults_(faults) {}

  void check(const Node& node) {
    if (view_.around != nullptr && view_.around->find(node.id)) {
      faults_.add(node.where, "\"" + node.id + "\" is the name of a node around the loop already",
                  "give one of them another name");
    }
    for (const After& after : node.after) check_after(after);
    if (const Stage* stage = node.stage()) {
      for (const auto& [name, input] : stage->inputs) check_input(input);
      if (stage->matrix && !stage->matrix->from.empty()) {
        check_from(node, stage->matrix->from, stage->matrix->where);
      }
    } else if (const Select* select = node.select()) {
      check_from(node, select->from, select->from_where);
      for (const auto& [name, input] : select->exports.outputs) check_input(input);
    } else if (const Loop* loop = node.loop()) {
      check_loop(*loop);
    }
  }

 private:
  void check_loop(const Loop& loop) {
    EdgeCheck inside(view_.inside(loop), faults_);
    for (const StateVariable& variable : loop.state) {
      if (!variable.type) check_input(variable.initial_artifact);
    }
    for (const LoopCase& one : loop.decide) {
      for (const auto& [name, input] : one.set_artifacts) inside.check_input(input);
    }
    for (const auto& [name, input] : loop.exports.outputs) inside.check_input(input);
  }

  void unknown_node(const std::string& id, const base::Where& where) {
    faults_.add(where, "there is no node \"" + id + "\"", suggest(id, view_.ids()));
  }

  void check_input(const Input& input) {
    for (const OutputName& candidate : input.candidates) check_candidate(candidate);
  }

  void check_candidate(const OutputName& candidate) {
    if (candidate.node == "state") {
      const StateVariable* variable =
          view_.loop == nullptr ? nullptr : view_.loop->variable(candidate.output);
      if (view_.loop == nullptr) {
        faults_.add(candidate.where, "\"" + candidate.text() + "\" stands outside of a loop");
      } else if (variable == nullptr || variable->type) {
        faults_.add(candidate.where, variable == nullptr
                                         ? "the loop has no state \"" + candidate.output + "\""
                                         : "\"" + candidate.text() + "\" is a value, and no artifact",
                    variable == nullptr ? "declare it under \"state:\""
                                        : "read it in \"with\": ${{ " + candidate.text() + " }}");
      }
      return;
    }
    const View::Found found = view_.find(candidate.node);
    if (!found) {
      unknown_node(candidate.node, candidate.where);
    } else if (found.node->decision() != nullptr) {
      faults_.add(candidate.where, "\"" + candidate.node + "\" is a decision and has no outputs",
                  "to run after it, name it in \"after:\"");
    }
  }

  void check_after(const After& after) {
    const View::Found found = view_.find(after.node);
    if (!found) {
      unknown_node(after.node, after.where);
    } else if (!after.branch.empty() && found.node->decision() == nullptr) {
      faults_.add(after.where, "\"" + after.node + "\" is no decision and has no branches",
                  "write \"" + after.node + "\"");
    } else if (!after.branch.empty()) {
      const std::vector<std::string> branches = found.node->decision()->branches();
      if (std::find(branches.begin(), branches.end(), after.branch) == branches.end()) {
        faults_.add(after.where, "the decision \"" + after.node + "\" has no branch \"" + after.branch + "\"",
                    suggest(after.branch, branches));
      }
    }
  }

  void check_from(const Node& node, const std::string& from, const base::Where& where) {
    const View::Found found = view_.find(from);
    if (!found) {
      unknown_node(from, where);
    } else if (found.node->matrix() == nullptr) {
      faults_.add(where, "\"" + from + "\" has no matrix", "give it one with \"matrix:\"");
    } else if (view_.lineage(node) == nullptr && found.view->lineage(*found.node) == nullptr) {
      faults_.add(where, "the matrices of \"" + node.id + "\" and \"" + from + "\" lead nowhere",
                  "one of them must have values of its own");
    }
  }

  const View view_;
  Faults& faults_;
};

}  // namespace

void check_edges(const Workflow& workflow, Faults& faults) {
  walk(View::of(workflow), [&](const View& view) {
    EdgeCheck check(view, faults);
    for (const Node& node : view.scope->nodes) check.check(node);
  });
}

namespace {

void no_such_output(const OutputName& output, const std::string& what,
                    const std::vector<std::string>& names, Faults& faults) {
  faults.add(output.where, "\"" + output.node + "\" (" + what + ") has no output \"" + output.output + "\"",
             suggest(output.output, names));
}

std::vector<std::string> with_metrics(const std::map<std::string, Input>& exports) {
  std::vector<std::string> names;
  for (const auto& [name, input] : exports) names.push_back(name);
  names.emplace_back(metrics_output);
  return names;
}

std::optional<std::string> type_of_stage_output(const Stage& stage, const plugins::Catalogue& catalogue,
                                                const OutputName& output, std::vector<std::string> names,
                                                Faults& faults) {
  const plugins::StageDescription* description = catalogue.find(stage.uses);
  if (description == nullptr) return std::nullopt;
  const auto found = description->outputs.find(output.output);
  if (found != description->outputs.end()) return found->second.type;
  for (const auto& [name, described] : description->outputs) names.push_back(name);
  no_such_output(output, stage.uses, names, faults);
  return std::nullopt;
}

// Faults of an output that is read through something else are reported where it is named.
std::optional<std::string> type_through(const View& view, const plugins::Catalogue& catalogue,
                                        const Input& input) {
  Faults reported;
  if (input.candidates.empty()) return std::nullopt;
  return type_of_output(view, catalogue, input.candidates.front(), reported);
}

}  // namespace

std::optional<std::string> type_of_output(const View& view, const plugins::Catalogue& catalogue,
                                          const OutputName& output, Faults& faults) {
  if (output.node == "state") {
    const StateVariable* variable = view.loop == nullptr ? nullptr : view.loop->variable(output.output);
    if (variable == nullptr || variable->type) return std::nullopt;
    return type_through(*view.around, catalogue, variable->initial_artifact);
  }
  const View::Found found = view.find(output.node);
  if (!found || found.node->decision() != nullptr) return std::nullopt;
  if (output.output == metrics_output) return std::string(metrics_output);
  if (const Stage* stage = found.node->stage()) {
    return type_of_stage_output(*stage, catalogue, output, {std::string(metrics_output)}, faults);
  }
  if (const Loop* loop = found.node->loop()) {
    const auto exported = loop->exports.outputs.find(output.output);
    if (exported != loop->exports.outputs.end()) {
      return type_through(found.view->inside(*loop), catalogue, exported->second);
    }
    no_such_output(output, "a loop", with_metrics(loop->exports.outputs), faults);
    return std::nullopt;
  }
  const Select& select = *found.node->select();
  const auto exported = select.exports.outputs.find(output.output);
  if (exported != select.exports.outputs.end()) return type_through(*found.view, catalogue, exported->second);
  const View::Found from = found.view->find(select.from);
  if (!from || from.node->stage() == nullptr) return std::nullopt;
  return type_of_stage_output(*from.node->stage(), catalogue, output, with_metrics(select.exports.outputs),
                              faults);
}

}  // namespace presswork::workflow
