// What a run does without starting anything: decisions, selections, and the turns of loops.
#include <algorithm>

#include "orchestrator/engine/choice.h"
#include "orchestrator/engine/instance_name.h"
#include "orchestrator/engine/loop_state.h"
#include "orchestrator/engine/runner.h"

namespace presswork::engine {

using base::Error;
using base::ErrorCode;
using base::Json;

void Runner::make_decision(std::size_t step) {
  const auto recorded = replay_.find(id(step));
  try {
    Decided decided;
    if (recorded != replay_.end()) {
      decided = {recorded->second.branch, recorded->second.inputs};
    } else {
      decided = decide(*graph_[step].node->decision(), values_of(standing(), graph_.place_of(step)));
      in_transaction();
      around_.ledger.put(store::DecisionRow{run_, id(step), decided.branch, decided.inputs, now()});
    }
    instances_[step].branch = decided.branch;
    instances_[step].state = State::succeeded;
    tell("decision_made", step,
         {{"branch", decided.branch}, {"inputs", decided.inputs}, {"replayed", recorded != replay_.end()}});
    end(step);
  } catch (const Error& error) {
    fail(step, State::failed, "decision_failed", error);
  }
}

void Runner::make_selection(std::size_t step) {
  try {
    Selected selected = select(standing(), step);
    in_transaction();
    around_.ledger.put(store::DecisionRow{run_, id(step), selected.chosen, selected.inputs, now()});
    instances_[step].outputs = std::move(selected.outputs);
    instances_[step].values = std::move(selected.values);
    instances_[step].branch = selected.chosen;
    instances_[step].state = State::succeeded;
    tell("selected", step,
         {{"chosen", selected.chosen}, {"among", selected.among}, {"value", selected.value}});
    end(step);
  } catch (const Error& error) {
    fail(step, State::failed, "selection_failed", error);
  }
}

void Runner::open_loop(std::size_t step) {
  const workflow::Loop& loop = *graph_[step].node->loop();
  try {
    OpenLoop& open = loops_[step];
    open.max = most_iterations(loop, values_of(standing(), graph_.place_of(step)));
    if (const auto recorded = iterations_.find(id(step)); recorded != iterations_.end()) {
      open.recorded = recorded->second;
    }
    LoopState initial = initial_state(standing(), step);
    instances_[step].state = State::running;
    store::InstanceRow& row = work(step).row;
    row.state = "running";
    if (row.started.empty()) row.started = now();
    record(row);
    begin_iteration(step, std::move(initial.values), std::move(initial.artifacts));
  } catch (const Error& error) {
    fail_loop(step, "loop_failed", error);
  }
}

void Runner::begin_iteration(std::size_t loop, Json state, std::map<std::string, BoundInput> artifacts) {
  OpenLoop& open = loops_.at(loop);
  const int number = static_cast<int>(open.iterations.size()) + 1;
  const bool firm = number == 1 ? premises_stand(loop) : stands(open.iterations.back());
  const auto recorded = std::find_if(open.recorded.begin(), open.recorded.end(),
                                     [number](const auto& row) { return row.number == number; });
  if (firm && recorded != open.recorded.end()) {
    LoopState known = loop_state_from(recorded->state);
    state = std::move(known.values);
    artifacts = std::move(known.artifacts);
  } else {
    in_transaction();
    around_.ledger.put(
        store::IterationRow{run_, id(loop), number, to_json(LoopState{state, artifacts}), "", now()});
  }
  tell("loop_iteration", loop, {{"iteration", number}, {"max", open.max}, {"state", state}});
  const std::size_t first = graph_.size();
  open.iterations.push_back(
      graph_.add_iteration(static_cast<std::uint32_t>(loop), number, std::move(state), std::move(artifacts)));
  firm_.push_back(firm);
  include(first);
  const std::uint32_t scope = open.iterations.back();
  if (unfinished_[scope] == 0) ended_iterations_.push_back(scope);  // all of it was kept
}

// Whether an earlier session decided the end of an iteration by what it still comes to.
bool Runner::stands(std::uint32_t iteration) const {
  const StepScope& scope = graph_.scope(iteration);
  const auto first = stands_.begin() + scope.first;
  return firm_[iteration] && std::all_of(first, first + scope.count, [](bool one) { return one; });
}

// All of the body has ended: which way does the loop go?
void Runner::end_iteration(std::uint32_t scope) {
  const StepScope& iteration = graph_.scope(scope);
  const std::size_t loop = iteration.loop;
  try {
    for (std::uint32_t i = 0; i < iteration.count; ++i) {
      const std::size_t step = iteration.first + i;
      if (!is_failed(instances_[step].state) || is_tolerated(graph_[step], instances_[step])) continue;
      throw Error(ErrorCode::stage_failed, id(step) + " failed: " + instances_[step].cause,
                  "a stage with on_failure: continue does not end the loop");
    }
    const std::string name = iteration_id(id(loop), iteration.iteration);
    const workflow::Loop& node = *graph_[loop].node->loop();
    const auto recorded = stands(scope) ? replay_.find(name) : replay_.end();
    LoopDecided decided =
        recorded != replay_.end()
            ? LoopDecided{recorded->second.branch, find_case(node, recorded->second), recorded->second.inputs}
            : decide(node, values_of(standing(), graph_.place_in(scope)));
    if (recorded == replay_.end()) {
      in_transaction();
      around_.ledger.put(store::DecisionRow{run_, name, decided.way, decided.inputs, now()});
    }
    tell("loop_decided", loop,
         {{"iteration", iteration.iteration}, {"way", decided.way}, {"inputs", decided.inputs}});
    go_on(loop, scope, decided.way, decided.chosen);
  } catch (const Error& error) {
    fail_loop(loop, "loop_failed", error);
  }
}

void Runner::go_on(std::size_t loop, std::uint32_t scope, const std::string& way,
                   const workflow::LoopCase* chosen) {
  if (way == "break") {
    close_loop(loop, scope, "break");
  } else if (way == "fail") {
    const std::string message = chosen == nullptr ? "" : chosen->message;
    throw Error(ErrorCode::stage_failed, message.empty() ? "its \"decide\" chose fail" : message,
                "`presswork explain` shows the values that it was decided by");
  } else if (static_cast<int>(loops_.at(loop).iterations.size()) >= loops_.at(loop).max) {
    exhaust(loop);
  } else {
    LoopState next = next_state(standing(), scope, chosen);
    begin_iteration(loop, std::move(next.values), std::move(next.artifacts));
  }
}

void Runner::exhaust(std::size_t loop) {
  const workflow::Loop& node = *graph_[loop].node->loop();
  const OpenLoop& open = loops_.at(loop);
  switch (node.on_exhausted) {
    case workflow::Loop::Exhausted::fail:
      fail_loop(loop, "loop_exhausted",
                Error(ErrorCode::stage_failed,
                      "after " + std::to_string(open.max) + " iterations its \"decide\" still wants to go on",
                      "raise \"max\", or let \"on_exhausted\" take the last or the best iteration"));
      return;
    case workflow::Loop::Exhausted::last:
      close_loop(loop, open.iterations.back(), "exhausted");
      return;
    case workflow::Loop::Exhausted::best:
      close_loop(loop, best_iteration(standing(), node, open.iterations), "exhausted");
      return;
  }
}

void Runner::close_loop(std::size_t loop, std::uint32_t scope, const std::string& outcome) {
  const workflow::Loop& node = *graph_[loop].node->loop();
  const StepScope& iteration = graph_.scope(scope);
  const std::size_t iterations = loops_.at(loop).iterations.size();
  Json metrics = {{"outcome", outcome}, {"iteration", iteration.iteration}, {"iterations", iterations}};
  Instance& instance = instances_[loop];
  instance.outputs = bind_exports(standing(), graph_.place_in(scope), node.exports, metrics);
  instance.values = {{"metrics", metrics}, {"state", iteration.state}};
  instance.state = State::succeeded;
  tell("loop_ended", loop,
       {{"outcome", outcome}, {"iteration", iteration.iteration}, {"iterations", iterations}});
  end(loop);
}

// Iterations that an earlier session came to, and this one does not: they are history.
void Runner::retract_iterations(std::size_t loop) {
  const auto open = loops_.find(loop);
  const int after = open == loops_.end() ? 0 : static_cast<int>(open->second.iterations.size());
  const auto recorded = iterations_.find(id(loop));
  if (recorded == iterations_.end()) return;
  std::vector<std::string> ids;
  for (const store::IterationRow& row : recorded->second) {
    if (row.number <= after) continue;
    const std::string iteration = iteration_id(id(loop), row.number), within = iteration + "/";
    const auto add_within = [&](const auto& rows) {
      for (const auto& [name, value] : rows) {
        if (name.starts_with(within)) ids.push_back(name);
      }
    };
    ids.push_back(iteration);
    add_within(past_);
    add_within(replay_);
    for (const auto& [inner, rows] : iterations_) {
      if (!inner.starts_with(within)) continue;
      for (const store::IterationRow& one : rows) ids.push_back(iteration_id(inner, one.number));
    }
  }
  if (ids.empty()) return;
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  in_transaction();
  around_.ledger.supersede(run_, ids, {}, now(), id(loop) + " ended before it");
}

void Runner::fail_loop(std::size_t loop, const std::string& code, const Error& error) {
  const auto open = loops_.find(loop);
  const std::size_t iterations = open == loops_.end() ? 0 : open->second.iterations.size();
  tell("loop_ended", loop, {{"outcome", "failed"}, {"iteration", iterations}, {"iterations", iterations}});
  fail(loop, State::failed, code, error);
}

}  // namespace presswork::engine
