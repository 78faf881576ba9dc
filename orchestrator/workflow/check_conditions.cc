#include <algorithm>
#include <set>

#include "orchestrator/workflow/condition.h"
#include "orchestrator/workflow/view.h"

namespace presswork::workflow {

namespace {

class ReadCheck {
 public:
  ReadCheck(const View& view, Faults& faults)
      : view_(view),
        scope_(*view.scope),
        graph_(need_graph(scope_)),
        conditions_(scope_, graph_),
        faults_(faults) {}

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
    const std::string end = "the end of the iteration";
    const auto check_expression = [&](const Expression& expression,
                                      const Condition& given = Condition::always()) {
      check_names(expression, given, nullptr, end);
    };
    const auto check_choice = [&](const Choice& choice) {
      if (choice.where) check_expression(*choice.where);
      if (choice.objective) check_expression(*choice.objective);
    };
    for (const LoopCase& one : loop.decide) {
      if (one.when) check_expression(*one.when);
      const Condition asked = one.when ? asked_in(*one.when) : Condition::always();
      for (const auto& [name, value] : one.set) {
        for (const Template::Hole& hole : value.holes()) check_expression(hole.expression, asked);
      }
      for (const auto& [name, input] : one.set_artifacts) check_input(input, asked, nullptr, end);
    }
    check_choice(loop.best);
    for (const auto& [name, expression] : loop.exports.metrics) check_expression(expression);
    for (const auto& [name, input] : loop.exports.outputs)
      check_input(input, Condition::always(), nullptr, end);
  }

 private:
  void check(const Node& node, std::size_t self) {
    Condition given = conditions_.control(self, graph_[self]);
    if (node.select() != nullptr) given = conditions_.both(given, of_chosen_cell(node));
    const std::string who = "\"" + node.id + "\"";
    for (const Input* input : inputs(node)) check_input(*input, given, &node, who);
    for (const Expression* expression : expressions(node)) check_names(*expression, given, &node, who);
  }

  // A selection that has nothing to choose from is skipped. It looks only at the cells in which nothing that
  // it reads has failed.
  Condition of_chosen_cell(const Node& selection) const {
    Condition all = conditions_.of(selection.select()->from);
    for (std::size_t i = 0; i < scope_.nodes.size(); ++i) {
      const Node& node = scope_.nodes[i];
      if (node.may_fail() && view_.lineage(node) == view_.lineage(selection))
        all = conditions_.both(all, Condition::has_result(i));
    }
    return all;
  }

  // What the expression has asked with has(…) or first(…) is taken to be there for what follows from it.
  Condition asked_in(const Expression& expression) const {
    Condition all = Condition::always();
    for (const Name& name : expression.names()) {
      if (name.guarded && reads_node(name)) all = conditions_.both(all, conditions_.of(name.parts[0]));
    }
    return all;
  }

  void check_input(const Input& input, const Condition& given, const Node* node, const std::string& who) {
    if (input.candidates.empty()) return;
    Condition any;
    for (const OutputName& candidate : input.candidates) {
      any = conditions_.either(any, conditions_.of(candidate.node));
    }
    if (conditions_.implies(given, any)) return;
    if (input.candidates.size() > 1) {
      faults_.add(input.where,
                  who + " may find none of these: they exist only after " + conditions_.text(any),
                  "add an output that always exists" +
                      (node == nullptr ? "" : ", or put " + who + " after the same branches"));
      return;
    }
    const OutputName& only = input.candidates.front();
    faults_.add(only.where, who + " reads " + only.text() + ", but " + reason(only.node),
                advice(node, only.node, only.text()));
  }

  void check_names(const Expression& expression, const Condition& given, const Node* node,
                   const std::string& who) {
    std::set<std::string> reported;
    for (const Name& name : expression.names()) {
      const std::string& read = name.parts[0];
      if (name.guarded || !reads_node(name)) continue;
      if (!reported.insert(read).second || conditions_.implies(given, conditions_.of(read))) continue;
      faults_.add(expression.where(name), who + " reads " + name.text() + ", but " + reason(read),
                  advice(node, read, name.text()) + (node == nullptr ? ", or ask with has(…) before" : ""));
    }
  }

  // Why there may be nothing to read of a node.
  std::string reason(const std::string& id) const {
    if (scope_.find(id)->may_fail()) return "\"" + id + "\" may fail (on_failure: continue)";
    return "\"" + id + "\" runs only after " + conditions_.text(conditions_.of(id));
  }

  static std::string advice(const Node* node, const std::string& needed, const std::string& what) {
    const std::string read = "read it through first(" + what + ", …)";
    if (node == nullptr) return read;
    if (node->after.empty()) {
      return "add \"after: [" + needed + "]\", so that it is skipped together with \"" + needed + "\", or " +
             read;
    }
    return "add \"" + needed + "\" to \"after\" with \"join: all_success\", or " + read;
  }

  const View& view_;
  const Scope& scope_;
  const NeedGraph graph_;
  const Conditions conditions_;
  Faults& faults_;
};

}  // namespace

void check_conditions(const Workflow& workflow, Faults& faults) {
  walk(View::of(workflow), [&](const View& view) {
    ReadCheck check(view, faults);
    check.check_nodes();
    if (view.loop == nullptr) {
      check.check_checklist(workflow.checklist);
    } else {
      check.check_loop(*view.loop);
    }
  });
}

}  // namespace presswork::workflow
