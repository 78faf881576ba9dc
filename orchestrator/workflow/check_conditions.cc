#include <algorithm>
#include <set>

#include "orchestrator/workflow/condition.h"

namespace presswork::workflow {

namespace {

class ReadCheck {
 public:
  ReadCheck(const Workflow& workflow, const NeedGraph& graph, Faults& faults)
      : workflow_(workflow), conditions_(workflow, graph), graph_(graph), faults_(faults) {}

  void check_all() {
    for (std::size_t i = 0; i < workflow_.nodes.size(); ++i) check(workflow_.nodes[i], i);
    for (const ChecklistItem& item : workflow_.checklist) {
      check_names(item.expression, Condition::always(), nullptr, "the check \"" + item.title + "\"");
    }
  }

 private:
  void check(const Node& node, std::size_t self) {
    const Condition given = conditions_.control(self, graph_[self]);
    if (const Stage* stage = node.stage()) {
      for (const auto& [name, input] : stage->inputs) check_input(input, given, node);
    }
    for (const Expression* expression : expressions(node)) {
      check_names(*expression, given, &node, "\"" + node.id + "\"");
    }
  }

  void check_input(const Input& input, const Condition& given, const Node& node) {
    Condition any;
    for (const OutputName& candidate : input.candidates) {
      any = conditions_.either(any, conditions_.of(conditions_.index(candidate.node)));
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
      if (name.guarded || name.parts[0] == "params" || !reported.insert(name.parts[0]).second) continue;
      const Condition& needed = conditions_.of(conditions_.index(name.parts[0]));
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

  const Workflow& workflow_;
  Conditions conditions_;
  const NeedGraph& graph_;
  Faults& faults_;
};

}  // namespace

void check_conditions(const Workflow& workflow, const NeedGraph& graph, Faults& faults) {
  ReadCheck(workflow, graph, faults).check_all();
}

}  // namespace presswork::workflow
