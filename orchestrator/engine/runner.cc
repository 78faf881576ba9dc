#include "orchestrator/engine/runner.h"

#include <algorithm>

#include "orchestrator/engine/facts.h"
#include "orchestrator/engine/named_steps.h"

namespace presswork::engine {

using base::Error;
using base::Json;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds sync_every(20);
constexpr std::size_t ended_between_syncs = 32;  // attempts, about, whose folders and logs come back together

// Every step that `until` names, and all that those need.
std::set<std::size_t> wanted_steps(const Graph& graph, const std::vector<std::string>& until) {
  std::set<std::size_t> wanted;
  std::vector<std::size_t> open;
  for (std::size_t step = 0; step < graph.size(); ++step) {
    if (is_named(graph[step], until)) open.push_back(step);
  }
  while (!open.empty()) {
    const std::size_t step = open.back();
    open.pop_back();
    if (wanted.insert(step).second)
      open.insert(open.end(), graph[step].needs.begin(), graph[step].needs.end());
  }
  return wanted;
}

}  // namespace

Runner::Runner(const Plan& plan, std::string run, const Surroundings& surroundings, const RunOptions& options)
    : plan_(plan),
      run_(std::move(run)),
      around_(surroundings),
      options_(options),
      graph_(plan.graph),
      instances_(0, &surroundings.ledger),
      folders_(static_cast<std::size_t>(options.limits.cores) + ended_between_syncs),
      logs_(static_cast<std::size_t>(options.limits.cores) + ended_between_syncs),
      worker_([this] { around_.executor.wake(); }) {
  if (options.until.empty()) return;
  const std::set<std::size_t> wanted = wanted_steps(graph_, options.until);
  for (std::size_t step = 0; step < graph_.size(); ++step) {
    if (!wanted.contains(step)) unwanted_.insert(step);
  }
}

RunResult Runner::execute() {
  try {
    load_history();
    firm_.push_back(true);
    include(0);
    first_new_ = graph_.size();
    const auto stages = std::count_if(graph_.steps().begin(), graph_.steps().end(),
                                      [](const Step& step) { return step.stage != nullptr; });
    tell("run_started", {{"run", run_},
                         {"workflow", plan_.workflow.name},
                         {"resumed", !past_.empty()},
                         {"kept", kept_},
                         {"stages", stages}});
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
  sound_.clear();  // whatever befell the store meanwhile
  auto finished = worker_.take_finished();
  heed_stop();  // after it: what a request has stopped meets that request here
  for (Worker::Continuation& continuation : finished) continuation();
  settle();
  admit();
  commit();
}

void Runner::load_history() {
  for (store::DecisionRow& row : around_.ledger.decisions(run_)) replay_.emplace(row.id, std::move(row));
  for (store::IterationRow& row : around_.ledger.iterations(run_)) {
    iterations_[row.loop].push_back(std::move(row));
  }
  for (store::InstanceBrief& row : around_.ledger.instance_briefs(run_)) {
    past_.emplace(row.id, Past{std::move(row.state), std::move(row.key), row.checkpoint, row.attempts,
                               std::move(row.started)});
  }
  retracted_ = around_.ledger.superseded(run_);
}

// What an earlier session of this run left of a step stands when all that it was made of stands too. A stage
// that failed may succeed now, so nothing that it led to stands: that is judged anew, and where the judgement
// comes to the same key, look_up() finds the step's own checkpoint.
void Runner::take_over(std::size_t first) {
  std::unordered_set<std::size_t> checked, damaged;
  do {
    for (std::size_t step = first; step < graph_.size(); ++step) {
      instances_[step] = {};
      stands_[step] = !damaged.contains(step) && premises_stand(step) && restore(step);
    }
  } while (find_damage(first, checked, damaged));
  for (std::size_t step = first; step < graph_.size(); ++step) {
    if (is_good(instances_[step].state)) {
      if (graph_[step].stage != nullptr) ++kept_;
      continue;
    }
    if (!premises_stand(step)) replay_.erase(id(step));
    const auto past = past_.find(id(step));
    if (past == past_.end() || past->second.state == "pending") continue;
    store::InstanceRow row = new_row(step);
    row.state = "pending";
    record(row);
  }
}

bool Runner::premises_stand(std::size_t step) const {
  const auto& needs = graph_[step].needs;
  return firm_[graph_[step].scope] &&
         std::all_of(needs.begin(), needs.end(), [this](std::uint32_t need) { return stands_[need]; });
}

// Brings back what is recorded of a step that was good. One that was skipped has nothing to bring back.
bool Runner::restore(std::size_t step) {
  const auto past = past_.find(id(step));
  if (past == past_.end()) return false;
  const State state = state_from(past->second.state);
  if (!is_good(state)) return state == State::skipped;
  Instance& instance = instances_[step];
  const workflow::Node& node = *graph_[step].node;
  if (node.decision() != nullptr) {
    const auto decision = replay_.find(id(step));
    if (decision == replay_.end()) return false;
    instance.branch = decision->second.branch;
  } else if (node.stage() == nullptr) {
    const auto row = around_.ledger.instance(run_, id(step));
    if (!row || !row->with.is_object()) return false;
    instance.outputs = bound_inputs_from(row->inputs);
    instance.values = row->with;
  }
  instance.state = state;
  instance.key = past->second.key;
  instance.serial = past->second.serial;
  return true;
}

// What is kept and still needed must be intact: what a step needs that has to be done, and all of an
// iteration, which its loop reads. True when more damage was found.
bool Runner::find_damage(std::size_t first, std::unordered_set<std::size_t>& checked,
                         std::unordered_set<std::size_t>& damaged) {
  const std::size_t known = damaged.size();
  const auto check = [&](std::size_t step) {
    if (step < first || !is_good(instances_[step].state) || !checked.insert(step).second) return;
    if (!is_intact(step)) damaged.insert(step);
  };
  for (std::size_t step = first; step < graph_.size(); ++step) {
    if (first > 0) check(step);
    if (is_good(instances_[step].state)) continue;
    for (const std::uint32_t need : graph_[step].needs) check(need);
  }
  return damaged.size() > known;
}

bool Runner::is_intact(std::size_t step) {
  if (graph_[step].stage != nullptr) {
    const store::CheckpointRow* checkpoint = instances_.checkpoint(step);
    return checkpoint != nullptr && is_sound(*checkpoint, around_.artifacts, sound_);
  }
  for (const auto& [name, output] : instances_[step].outputs) {
    if (output.digest.empty()) continue;
    if (!around_.artifacts.verify(output.digest, false).empty()) return false;
  }
  return true;
}

void Runner::include(std::size_t first) {
  const std::size_t size = graph_.size();
  instances_.resize(size);
  missing_.resize(size, 0);
  dependents_.resize(size);
  unfinished_.resize(graph_.scopes(), 0);
  stands_.resize(size, false);
  if (!past_.empty()) take_over(first);
  for (std::size_t step = first; step < size; ++step) {
    if (has_ended(instances_[step].state)) continue;
    asks_ = asks_ || (options_.limits.memory > 0 && wants_estimate(graph_[step]));
    ++unfinished_[graph_[step].scope];
    for (const std::uint32_t need : graph_[step].needs) {
      if (has_ended(instances_[need].state)) continue;
      ++missing_[step];
      dependents_[need].push_back(static_cast<std::uint32_t>(step));
    }
    if (missing_[step] == 0) ready_.push_back(step);
  }
}

void Runner::settle() {
  while (!ready_.empty() || !ended_iterations_.empty()) {
    if (stop_heeded_ > 0 || refused_) return;
    if (!ended_iterations_.empty()) {
      const std::uint32_t scope = ended_iterations_.front();
      ended_iterations_.pop_front();
      end_iteration(scope);
      continue;
    }
    const std::size_t step = ready_.front();
    ready_.pop_front();
    if (is_wanted(step)) start(step);
  }
}

void Runner::start(std::size_t step) {
  const Judgement judgement = judge(standing(), step);
  const workflow::Node& node = *graph_[step].node;
  if (judgement.verdict == Judgement::Verdict::skip) {
    skip(step, judgement.cause);
  } else if (node.decision() != nullptr) {
    make_decision(step);
  } else if (node.select() != nullptr) {
    make_selection(step);
  } else if (node.loop() != nullptr) {
    open_loop(step);
  } else {
    prepare(step);
  }
}

Runner::Work& Runner::work(std::size_t step) {
  auto& work = works_[step];
  if (!work) {
    work = std::make_unique<Work>();
    work->row = new_row(step);
  }
  return *work;
}

store::InstanceRow Runner::new_row(std::size_t step) const {
  const workflow::Node& node = *graph_[step].node;
  store::InstanceRow row;
  row.run = run_;
  row.id = id(step);
  row.kind = kind_of(node);
  if (node.stage() != nullptr) row.uses = node.stage()->uses;
  for (const std::uint32_t need : graph_[step].needs) row.needs.push_back(id(need));
  const std::uint32_t loop = graph_.scope(graph_[step].scope).loop;
  if (loop != StepScope::none) row.needs.push_back(id(loop));
  if (const auto past = past_.find(row.id); past != past_.end()) {
    row.attempts = past->second.attempts;
    row.started = past->second.started;
  }
  if (const auto mark = retracted_.find(row.id); mark != retracted_.end()) {
    row.attempts = std::max(row.attempts, mark->second.attempts);
  }
  return row;
}

void Runner::end(std::size_t step) {
  const Instance& instance = instances_[step];
  store::InstanceRow row = works_.contains(step) ? work(step).row : new_row(step);
  row.state = to_string(instance.state);
  row.cause = instance.cause;
  row.ended = now();
  if (graph_[step].stage == nullptr && is_good(instance.state)) {
    row.inputs = to_json(instance.outputs);
    row.with = instance.values;
  }
  record(row);
  ended_.insert(step);
  if (graph_[step].node->loop() != nullptr) {
    retract_iterations(step);
    loops_.erase(step);
  }
  if (const auto found = works_.find(step); found != works_.end()) {
    done_works_.push_back(std::move(found->second));
    works_.erase(found);
  }
  for (const std::uint32_t dependent : dependents_[step]) {
    if (--missing_[dependent] == 0) ready_.push_back(dependent);
  }
  dependents_[step] = {};
  const std::uint32_t scope = graph_[step].scope;
  if (--unfinished_[scope] == 0 && graph_.scope(scope).loop != StepScope::none) {
    ended_iterations_.push_back(scope);
  }
}

void Runner::skip(std::size_t step, const std::string& cause) {
  instances_[step].state = State::skipped;
  instances_[step].cause = cause;
  tell("stage_skipped", step, {{"cause", cause}});
  end(step);
}

// The one place where state becomes durable; what depends on it follows, in order: news, then children.
// Several turns share one sync where nobody waits for it.
void Runner::commit() {
  for (;;) {
    if (open_) {
      around_.ledger.commit();
      if (!unsynced_) unsynced_since_ = around_.clock.monotonic();
      unsynced_ = true;
    }
    open_ = false;
    if (unsynced_) {
      auto launches = std::exchange(launches_, {});
      const auto later = std::stable_partition(launches.begin(), launches.end(),
                                               [this](std::size_t step) { return !needs_news(step); });
      launches_.assign(later, launches.end());
      std::for_each(launches.begin(), later, [this](std::size_t step) { launch(step); });
      if (open_) continue;  // a launch that failed at once has left something to record
      if (may_wait()) return;
      around_.ledger.sync();
      unsynced_ = false;
      is_awaited_ = false;
    }
    ended_.clear();
    first_new_ = graph_.size();
    const auto events = std::exchange(events_, {});
    const auto actions = std::exchange(after_commit_, {});
    const auto launches = std::exchange(launches_, {});
    around_.observer.on_events(events);
    for (const auto& action : actions) action();
    for (std::size_t step : launches) launch(step);
    done_works_.clear();
    if (!open_ && events_.empty() && after_commit_.empty()) return;
  }
}

// Whether what is recorded may reach the disk a little later, with what the next turns record.
bool Runner::may_wait() const {
  return launches_.empty() && !is_awaited_ && stop_heeded_ == 0 && !finished() &&
         around_.clock.monotonic() < unsynced_since_ + sync_every;
}

// Whether a step is what it is by something that is not on the disk yet, or does anew what was just done: the
// scratch of that goes once it is on the disk.
bool Runner::needs_news(std::size_t step) const {
  const auto& needs = graph_[step].needs;
  const std::string& key = works_.at(step)->row.key;
  return step >= first_new_ ||
         std::any_of(needs.begin(), needs.end(),
                     [this](std::uint32_t need) { return ended_.contains(need); }) ||
         std::any_of(ended_.begin(), ended_.end(),
                     [&](std::size_t ended) { return instances_[ended].key == key; });
}

// A first request stops children cleanly; a second one kills them.
void Runner::heed_stop() {
  const int wanted = std::min(around_.stop.load(), 2);
  if (wanted <= stop_heeded_) return;
  stop_heeded_ = wanted;
  for (const auto& [token, step] : running_) {
    const Phase phase = work(step).phase;
    if (phase != Phase::running && phase != Phase::estimating) continue;
    if (wanted == 1) {
      around_.executor.cancel(token);
    } else {
      around_.executor.kill(token);
    }
  }
}

bool Runner::finished() const {
  if (!running_.empty() || worker_.busy()) return false;
  return stop_heeded_ > 0 || refused_ || (ready_.empty() && ended_iterations_.empty() && waiting_.empty());
}

milliseconds Runner::patience() const {
  milliseconds patience(unsynced_                              ? sync_every
                        : running_.empty() && waiting_.empty() ? milliseconds(1000)
                                                               : milliseconds(100));
  const auto moment = around_.clock.monotonic();
  for (std::size_t step : paused_) {
    // Only a pause before a retry ends by itself; for cores and memory, some stage has to end first.
    const auto until = works_.at(step)->not_before;
    if (until > moment) patience = std::min(patience, std::chrono::ceil<milliseconds>(until - moment));
  }
  return patience;
}

RunResult Runner::conclude() {
  RunResult result{run_, "succeeded", {}, false, false, {}};
  std::string message;
  bool incomplete = false;
  bool beyond = false;
  for (std::size_t step = 0; step < graph_.size(); ++step) {
    const Instance& instance = instances_[step];
    if (!has_ended(instance.state)) (is_wanted(step) ? incomplete : beyond) = true;
    if (!is_failed(instance.state) || is_tolerated(graph_[step], instance)) continue;
    result.failed.push_back(id(step));
    if (graph_[step].stage != nullptr) result.stage_failed = true;
    if (instance.cause.starts_with(base::to_string(base::ErrorCode::cannot_fit))) result.cannot_fit = true;
    if (message.empty()) message = id(step) + ": " + instance.cause;
  }
  if (!beyond) result.checklist = evaluate_checklist(standing());
  if (incomplete && !refused_) {
    result.state = "interrupted";
    message = "stopped on request";
  } else if (!result.failed.empty()) {
    result.state = "failed";
  } else if (beyond) {
    result.state = "partial";
    message = "ran as far as was asked for with --until";
  } else {
    for (const ChecklistResult& item : result.checklist) {
      if (!item.required || item.state == "pass") continue;
      result.state = "failed";
      message = "required check not met: " + item.title;
      break;
    }
  }
  in_transaction();
  around_.ledger.set_run_state(run_, result.state, result.state == "interrupted" ? "" : now(), message);
  if (is_repeatable(result)) remember(result);
  tell("run_ended", {{"state", result.state}, {"message", message}});
  commit();
  return result;
}

// Whether all that the run came to follows from its question, the files that it read, and its checkpoints.
bool Runner::is_repeatable(const RunResult& result) const {
  if (options_.question.empty() || result.state != "succeeded" || !past_.empty() || found_damage_)
    return false;
  for (std::size_t step = 0; step < graph_.size(); ++step) {
    const plugins::StageDescription* stage = graph_[step].stage;
    if (stage == nullptr || !stage->cacheable || stage->reads_run || !is_good(instances_[step].state))
      return false;
  }
  return true;
}

void Runner::remember(const RunResult& result) {
  store::RunMemo memo;
  memo.question = options_.question;
  memo.run = run_;
  for (const Step& step : graph_.steps()) memo.instances.push_back(step.id);
  memo.files = files_;
  memo.checklist = to_json(result.checklist);
  around_.ledger.put(memo);
}

// After an error of our own: leaves no child behind, nor its work. The ledger's last commit stands.
void Runner::abandon() noexcept {
  // The first error is the one to tell.
  try {
    for (const auto& [token, step] : running_) around_.executor.kill(token);
    for (int i = 0; i < 50 && around_.executor.running() > 0; ++i) around_.executor.poll(milliseconds(100));
    // What they wrote may be what fills the disk.
    for (auto& [step, work] : works_) done_works_.push_back(std::move(work));
    for (const auto& work : done_works_) {
      if (!work->attempt.id.empty())
        base::real_file_system().remove_all(around_.workspace.attempts() / work->attempt.id);
    }
  } catch (...) {
  }
  try {
    if (open_) around_.ledger.roll_back();
  } catch (...) {
  }
}

void Runner::in_transaction() {
  if (!open_) around_.ledger.begin(store::Ledger::Durable::at_sync);
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

void Runner::tell(std::string kind, std::size_t step, Json data) {
  events_.push_back({around_.clock.now(), std::move(kind), id(step), std::move(data)});
}

void Runner::tell(std::string kind, Json data) {
  events_.push_back({around_.clock.now(), std::move(kind), "", std::move(data)});
}

std::string Runner::now() const { return base::to_utc_string(around_.clock.now()); }

}  // namespace presswork::engine
