#include <algorithm>
#include <set>

#include "orchestrator/workflow/condition.h"
#include "orchestrator/workflow/view.h"

namespace presswork::workflow {

namespace {

class ReadCheck {
 public:
  ReadCheck(const Scope& scope, Faults& faults)
      : scope_(scope), graph_(need_graph(scope)), conditions_(scope, graph_), faults_(faults) {}

  void check_nodes() {
    for (std::size_t i = 0; i < scope_.nodes.size(); ++i) check(scope_.nodes[i], i);
  }

  void check_checklist(const std::vector<ChecklistItem>& checklist) {
    for (const ChecklistItem& item : checklist) {
      check_names(item.expression, Condition::always(), nullptr, "the check \"" + item.title + "\"");
    }
  }

  // What the loop itself reads of its body, which this scope is.
  void check_loop(const Loop& loop) {
    Node end;  // stands for what happens when the body has ended
    end.id = "the end of the iteration";
    const auto check_expression = [&](const Expression& expression) {
      check_names(expression, Condition::always(), nullptr, end.id);
    };
    const auto check_choice = [&](const Choice& choice) {
      if (choice.where) check_expression(*choice.where);
      if (choice.objective) check_expression(*choice.objective);
    };
    for (const LoopCase& one : loop.decide) {
      if (one.when) check_expression(*one.when);
      for (const auto& [name, value] : one.set) {
        for (const Template::Hole& hole : value.holes()) check_expression(hole.expression);
      }
      for (const auto& [name, input] : one.set_artifacts) check_input(input, Condition::always(), end);
    }
    check_choice(loop.best);
    for (const auto& [name, expression] : loop.exports.metrics) check_expression(expression);
    for (const auto& [name, input] : loop.exports.outputs) check_input(input, Condition::always(), end);
  }

 private:
  void check(const Node& node, std::size_t self) {
    const Condition given = conditions_.control(self, graph_[self]);
    for (const Input* input : inputs(node)) check_input(*input, given, node);
    for (const Expression* expression : expressions(node)) {
      check_names(*expression, given, &node, "\"" + node.id + "\"");
    }
  }

  void check_input(const Input& input, const Condition& given, const Node& node) {
    if (input.candidates.empty()) return;
    Condition any;
    for (const OutputName& candidate : input.candidates) {
      any = conditions_.either(any, conditions_.of(candidate.node));
    }
    if (conditions_.implies(given, any)) return;
    if (input.candidates.size() > 1) {
      faults_.add(
          input.where,
          "\"" + node.id + "\" may find none of these: they exist only after " + conditions_.text(any),
          "add an output that always exists, or put \"" + node.id + "\" after the same branches");
      return;
    }
    const OutputName& only = input.candidates.front();
    faults_.add(only.where,
                "\"" + node.id + "\" reads " + only.text() + ", but \"" + only.node + "\" runs only after " +
                    conditions_.text(any),
                advice(&node, only.node, "first(" + only.text() + ", …)"));
  }

  void check_names(const Expression& expression, const Condition& given, const Node* node,
                   const std::string& who) {
    std::set<std::string> reported;
    for (const Name& name : expression.names()) {
      if (name.guarded || !reads_node(name) || !reported.insert(name.parts[0]).second) continue;
      const Condition needed = conditions_.of(name.parts[0]);
      if (conditions_.implies(given, needed)) continue;
      faults_.add(expression.where(name),
                  who + " reads " + name.text() + ", but \"" + name.parts[0] + "\" runs only after " +
                      conditions_.text(needed),
                  advice(node, name.parts[0], "first(" + name.text() + ", …)"));
    }
  }

  static std::string advice(const Node* node, const std::string& needed, const std::string& first) {
    if (node == nullptr) return "read it through " + first + ", or ask with has(…) before";
    if (node->after.empty()) {
      return "add \"after: [" + needed + "]\", so that it is skipped together with \"" + needed +
             "\", or read it through " + first;
    }
    return "add \"" + needed + "\" to \"after\" with \"join: all_success\", or read it through " + first;
  }

  const Scope& scope_;
  const NeedGraph graph_;
  const Conditions conditions_;
  Faults& faults_;
};

}  // namespace

void check_conditions(const Workflow& workflow, Faults& faults) {
  walk(View::of(workflow), [&](const View& view) {
    ReadCheck check(*view.scope, faults);
    check.check_nodes();
    if (view.loop == nullptr) {
      check.check_checklist(workflow.checklist);
    } else {
      check.check_loop(*view.loop);
    }
  });
}

}  // namespace presswork::workflow
