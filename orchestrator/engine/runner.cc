#include "orchestrator/engine/runner.h"

#include <algorithm>

#include "orchestrator/engine/facts.h"

namespace presswork::engine {

using base::Error;
using base::Json;
using std::chrono::milliseconds;

Runner::Runner(const Plan& plan, std::string run, const Surroundings& surroundings, const RunOptions& options)
    : plan_(plan),
      run_(std::move(run)),
      around_(surroundings),
      options_(options),
      instances_(plan.workflow.nodes.size()),
      works_(plan.workflow.nodes.size()),
      missing_(plan.workflow.nodes.size()),
      dependents_(plan.workflow.nodes.size()),
      worker_([this] { around_.executor.wake(); }) {
  for (std::size_t node : plan_.order) {
    missing_[node] = plan_.needs[node].size();
    for (std::size_t need : plan_.needs[node]) dependents_[need].push_back(node);
    if (missing_[node] == 0) ready_.push_back(node);
  }
}

RunResult Runner::execute() {
  try {
    load_history();
    tell("run_started", {{"run", run_},
                         {"workflow", plan_.workflow.name},
                         {"resumed", !history_.empty()},
                         {"stages", static_cast<std::size_t>(
                                        std::count_if(plan_.stages.begin(), plan_.stages.end(),
                                                      [](const auto* stage) { return stage != nullptr; }))}});
    turn();
    while (!finished()) {
      for (auto& news : around_.executor.poll(patience())) {
        std::visit([this](auto&& item) { on(std::move(item)); }, std::move(news));
      }
      turn();
      around_.observer.on_tick();
    }
    return conclude();
  } catch (...) {
    abandon();
    throw;
  }
}

// One turn: everything that can be decided now is decided, recorded, and then acted on.
void Runner::turn() {
  auto finished = worker_.take_finished();
  heed_stop();  // after it: what a request has stopped meets that request here
  for (Worker::Continuation& continuation : finished) continuation();
  settle();
  admit();
  commit();
}

void Runner::load_history() {
  for (store::DecisionRow& row : around_.ledger.decisions(run_)) replay_.emplace(row.id, std::move(row));
  for (store::InstanceRow& row : around_.ledger.instances(run_)) history_.emplace(row.id, std::move(row));
  superseded_ = around_.ledger.superseded(run_);
  for (std::size_t node = 0; node < works_.size(); ++node) {
    store::InstanceRow& row = works_[node].row;
    row.run = run_;
    row.id = id(node);
    if (const workflow::Stage* stage = plan_.workflow.nodes[node].stage()) row.uses = stage->uses;
    for (const std::size_t need : plan_.needs[node]) row.needs.push_back(id(need));
    if (const auto past = superseded_.find(row.id); past != superseded_.end()) {
      row.attempts = past->second.attempts;
    }
    const auto found = history_.find(row.id);
    if (found == history_.end()) continue;
    row.attempts = found->second.attempts;
    if (found->second.state == "succeeded") ours_.insert(node);
    if (found->second.state == "succeeded" || found->second.state == "cached") continue;
    row.state = "pending";  // failed, skipped or cut off before: to be judged anew
    record(row);
  }
}

void Runner::settle() {
  while (!ready_.empty()) {
    if (stop_heeded_ > 0) return;
    const std::size_t node = ready_.front();
    ready_.pop_front();
    const Judgement judgement = judge(plan_, node, instances_);
    if (judgement.verdict == Judgement::Verdict::skip) {
      skip(node, judgement.cause);
    } else if (plan_.workflow.nodes[node].decision() != nullptr) {
      make_decision(node);
    } else {
      prepare(node);
    }
  }
}

void Runner::end(std::size_t node) {
  Work& work = works_[node];
  work.row.state = to_string(instances_[node].state);
  work.row.cause = instances_[node].cause;
  work.row.ended = now();
  record(work.row);
  for (std::size_t dependent : dependents_[node]) {
    if (--missing_[dependent] == 0) ready_.push_back(dependent);
  }
}

void Runner::skip(std::size_t node, const std::string& cause) {
  instances_[node].state = State::skipped;
  instances_[node].cause = cause;
  tell("stage_skipped", node, {{"cause", cause}});
  end(node);
}

void Runner::make_decision(std::size_t node) {
  const auto recorded = replay_.find(id(node));
  try {
    Decided decided;
    if (recorded != replay_.end()) {
      decided = {recorded->second.branch, recorded->second.inputs};
    } else {
      decided = decide(*plan_.workflow.nodes[node].decision(), values_of(plan_, instances_));
      in_transaction();
      around_.ledger.put(store::DecisionRow{run_, id(node), decided.branch, decided.inputs, now()});
    }
    instances_[node].branch = decided.branch;
    instances_[node].state = State::succeeded;
    tell("decision_made", node,
         {{"branch", decided.branch}, {"inputs", decided.inputs}, {"replayed", recorded != replay_.end()}});
    end(node);
  } catch (const Error& error) {
    fail(node, State::failed, "decision_failed", error);
  }
}

// From here a stage's binding is fixed; hashing what lies outside the store happens beside the loop.
void Runner::prepare(std::size_t node) {
  Work& work = works_[node];
  try {
    work.binding = bind_stage(plan_, node, instances_);
    if (plan_.stages[node]->reads_run) {
      in_transaction();  // the rows of this turn are part of what the facts say
      work.facts = run_facts(plan_, around_.ledger, run_, ancestors(plan_, node));
    }
  } catch (const Error& error) {
    fail(node, State::failed, std::string(base::to_string(error.code)), error);
    return;
  }
  if (!needs_writing_down(work.binding)) {
    look_up(node);
    return;
  }
  work.phase = Phase::writing_down;
  worker_.submit([this, node]() -> Worker::Continuation {
    try {
      write_down(works_[node].binding, plan_, instances_, around_.artifacts, around_.ledger, options_.rehash,
                 unless_stopped(1));
      return [this, node] { look_up(node); };
    } catch (const Error& error) {
      if (error.code == base::ErrorCode::cancelled) return [] {};  // a resume begins with it again
      return
          [this, node, error] { fail(node, State::failed, std::string(base::to_string(error.code)), error); };
    }
  });
}

// For the worker's long jobs: stops them at the n-th request to stop. Nothing starts after the first one, so
// that what only prepares a start ends then; what keeps a result is let go on until the second.
store::ByteProgress Runner::unless_stopped(int request) const {
  return [this, request](std::uint64_t) {
    if (around_.stop.load() < request && !worker_.stopping()) return;
    throw Error(base::ErrorCode::cancelled, "stopped on request");
  };
}

// The cache: a sound checkpoint of this key is the result.
void Runner::look_up(std::size_t node) {
  Work& work = works_[node];
  work.row.with = work.binding.with;
  work.row.inputs = to_json(work.binding.inputs);
  work.row.key = key_of(work.binding, plan_, node, options_.salt, work.facts);

  const bool own = ours_.contains(node) && history_.at(id(node)).key == work.row.key;
  const bool known = own || (options_.use_cache && plan_.stages[node]->cacheable);
  auto checkpoint = around_.ledger.checkpoint(work.row.key);
  const auto past = superseded_.find(id(node));
  const bool outdated = checkpoint && past != superseded_.end() && !made_after(*checkpoint, past->second);
  if (checkpoint && !is_sound(*checkpoint, around_.artifacts)) {
    in_transaction();
    around_.ledger.forget_checkpoint(work.row.key);
    discard_later(std::move(*checkpoint));
    checkpoint.reset();
    work.why = "its checkpoint was damaged or its files have changed";
  } else if (!checkpoint) {
    work.why = "no checkpoint has its key";
  } else if (outdated) {
    work.why = "what it came to before was taken back";
  } else if (!known) {
    work.why = options_.use_cache ? "it runs each time" : "the cache is off";
  }
  if (!checkpoint || outdated || !known) {
    work.phase = Phase::waiting;
    waiting_.insert(node);
    return;
  }
  work.phase = Phase::idle;
  instances_[node].state = own ? State::succeeded : State::cached;
  tell("stage_cached", node,
       {{"uses", work.row.uses}, {"key", work.row.key}, {"seconds", checkpoint->seconds}, {"resumed", own}});
  instances_[node].checkpoint = std::move(checkpoint);
  work.row.started = own ? history_.at(id(node)).started : now();
  end(node);
}

// Reads all of the damaged artifacts, so beside the loop; the worker does it before it publishes them anew.
void Runner::discard_later(store::CheckpointRow checkpoint) {
  worker_.submit([this, checkpoint = std::move(checkpoint)]() -> Worker::Continuation {
    discard_unsound(checkpoint, around_.artifacts);
    return [] {};
  });
}

void Runner::admit() {
  if (stop_heeded_ > 0) return;
  const auto moment = around_.clock.monotonic();
  const std::set<std::size_t> candidates = waiting_;
  for (std::size_t node : candidates) {
    Work& work = works_[node];
    if (work.not_before > moment) continue;
    if (keys_in_work_.contains(work.row.key)) {
      work.held = true;  // the same work is being done for another stage
      continue;
    }
    if (work.held) {
      work.held = false;
      waiting_.erase(node);
      look_up(node);  // it may have been done by now
      if (!waiting_.contains(node)) continue;
    }
    const workflow::Resources& wanted = plan_.workflow.nodes[node].stage()->resources;
    const int usual = plan_.stages[node]->parallel ? options_.limits.cores : 1;
    work.cores = std::clamp(wanted.cores.value_or(usual), 1, options_.limits.cores);
    work.memory = wanted.memory.value_or(0);
    const bool fits = cores_used_ + work.cores <= options_.limits.cores &&
                      (options_.limits.memory == 0 || memory_used_ + work.memory <= options_.limits.memory);
    if (!fits) continue;
    waiting_.erase(node);
    start_attempt(node);
  }
}

// The one place where state becomes durable; what depends on it follows, in order: news, then children.
void Runner::commit() {
  for (;;) {
    if (open_) {
      around_.ledger.commit();
      open_ = false;
    }
    for (const Event& event : std::exchange(events_, {})) around_.observer.on_event(event);
    for (const auto& action : std::exchange(after_commit_, {})) action();
    for (std::size_t node : std::exchange(launches_, {})) launch(node);
    if (!open_ && events_.empty()) return;  // a launch that failed at once has left something to record
  }
}

// A first request stops children cleanly; a second one kills them.
void Runner::heed_stop() {
  const int wanted = std::min(around_.stop.load(), 2);
  if (wanted <= stop_heeded_) return;
  stop_heeded_ = wanted;
  for (const auto& [token, node] : running_) {
    if (works_[node].phase != Phase::running) continue;
    if (wanted == 1) {
      around_.executor.cancel(token);
    } else {
      around_.executor.kill(token);
    }
  }
}

bool Runner::finished() const {
  if (!running_.empty() || worker_.busy()) return false;
  return stop_heeded_ > 0 || (ready_.empty() && waiting_.empty());
}

milliseconds Runner::patience() const {
  milliseconds patience(running_.empty() && waiting_.empty() ? 1000 : 100);
  const auto moment = around_.clock.monotonic();
  for (std::size_t node : waiting_) {
    // Only a pause before a retry ends by itself; for cores and memory, some stage has to end first.
    if (works_[node].not_before <= moment) continue;
    patience = std::min(patience, std::chrono::ceil<milliseconds>(works_[node].not_before - moment));
  }
  return patience;
}

// A node that failed before any child was started for it.
void Runner::fail(std::size_t node, State state, const std::string& code, const Error& error) {
  works_[node].phase = Phase::idle;
  instances_[node].state = state;
  instances_[node].cause = code + ": " + error.message;
  tell("stage_failed", node,
       {{"uses", works_[node].row.uses},
        {"state", "failed"},
        {"code", code},
        {"message", error.message},
        {"where", error.where.to_string()},
        {"hint", error.hint},
        {"attempt", works_[node].row.attempts}});
  end(node);
}

RunResult Runner::conclude() {
  RunResult result{run_, "succeeded", {}, {}};
  std::string message;
  for (std::size_t node : plan_.order) {
    if (!is_failed(instances_[node].state)) continue;
    result.failed.push_back(id(node));
    if (message.empty()) message = id(node) + ": " + instances_[node].cause;
  }
  result.checklist = evaluate_checklist(plan_, around_.ledger, run_);
  const bool incomplete = std::any_of(instances_.begin(), instances_.end(),
                                      [](const Instance& instance) { return !has_ended(instance.state); });
  if (incomplete) {
    result.state = "interrupted";
    message = "stopped on request";
  } else if (!result.failed.empty()) {
    result.state = "failed";
  } else {
    for (const ChecklistResult& item : result.checklist) {
      if (!item.required || item.state == "pass") continue;
      result.state = "failed";
      message = "required check not met: " + item.title;
      break;
    }
  }
  in_transaction();
  around_.ledger.set_run_state(run_, result.state, incomplete ? "" : now(), message);
  tell("run_ended", {{"state", result.state}, {"message", message}});
  commit();
  return result;
}

// After an error of our own: leaves no child behind. The ledger's last commit stands.
void Runner::abandon() noexcept {
  // The first error is the one to tell.
  try {
    for (const auto& [token, node] : running_) around_.executor.kill(token);
    for (int i = 0; i < 50 && around_.executor.running() > 0; ++i) around_.executor.poll(milliseconds(100));
  } catch (...) {
  }
  try {
    if (open_) around_.ledger.roll_back();
  } catch (...) {
  }
}

void Runner::in_transaction() {
  if (!open_) around_.ledger.begin();
  open_ = true;
}

void Runner::record(const store::InstanceRow& row) {
  in_transaction();
  around_.ledger.put(row);
}

void Runner::record(const store::AttemptRow& row) {
  in_transaction();
  around_.ledger.put(row);
}

void Runner::tell(std::string kind, std::size_t node, Json data) {
  events_.push_back({around_.clock.now(), std::move(kind), id(node), std::move(data)});
}

void Runner::tell(std::string kind, Json data) {
  events_.push_back({around_.clock.now(), std::move(kind), "", std::move(data)});
}

std::string Runner::now() const { return base::to_utc_string(around_.clock.now()); }

}  // namespace presswork::engine
