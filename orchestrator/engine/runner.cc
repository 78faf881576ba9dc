#include "orchestrator/engine/runner.h"

#include <algorithm>
#include <fstream>

#include "orchestrator/base/file_system.h"
#include "orchestrator/engine/facts.h"

namespace presswork::engine {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
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
  heed_stop();
  for (Worker::Continuation& continuation : worker_.take_finished()) continuation();
  settle();
  admit();
  commit();
}

void Runner::load_history() {
  for (store::DecisionRow& row : around_.ledger.decisions(run_)) replay_.emplace(row.id, std::move(row));
  for (store::InstanceRow& row : around_.ledger.instances(run_)) history_.emplace(row.id, std::move(row));
  for (std::size_t node = 0; node < works_.size(); ++node) {
    store::InstanceRow& row = works_[node].row;
    row.run = run_;
    row.id = id(node);
    if (const workflow::Stage* stage = plan_.workflow.nodes[node].stage()) row.uses = stage->uses;
    const auto found = history_.find(row.id);
    if (found == history_.end()) continue;
    row.attempts = found->second.attempts;
    if (found->second.state == "succeeded") ours_.insert(node);
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
      write_down(works_[node].binding, plan_, instances_, around_.artifacts, around_.ledger, options_.rehash);
      return [this, node] { look_up(node); };
    } catch (const Error& error) {
      return
          [this, node, error] { fail(node, State::failed, std::string(base::to_string(error.code)), error); };
    }
  });
}

// The cache: a sound checkpoint of this key is the result.
void Runner::look_up(std::size_t node) {
  Work& work = works_[node];
  work.row.with = work.binding.with;
  work.row.inputs = to_json(work.binding.inputs);
  work.row.key = key_of(work.binding, plan_, node, options_.salt, work.facts);

  const bool own = ours_.contains(node) && history_.at(id(node)).key == work.row.key;
  const bool allowed = own || (options_.use_cache && plan_.stages[node]->cacheable);
  auto checkpoint = around_.ledger.checkpoint(work.row.key);
  if (checkpoint && !is_sound(*checkpoint, around_.artifacts)) {
    in_transaction();
    around_.ledger.forget_checkpoint(work.row.key);
    discard_unsound(*checkpoint, around_.artifacts);
    checkpoint.reset();
    work.why = "its checkpoint was damaged or its files have changed";
  } else if (!checkpoint) {
    work.why = "no checkpoint has its key";
  } else if (!allowed) {
    work.why = options_.use_cache ? "it runs each time" : "the cache is off";
  }
  if (!checkpoint || !allowed) {
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

void Runner::admit() {
  if (stop_heeded_ > 0) return;
  const auto moment = around_.clock.monotonic();
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const std::size_t node = *it;
    Work& work = works_[node];
    const workflow::Resources& wanted = plan_.workflow.nodes[node].stage()->resources;
    const int usual = plan_.stages[node]->parallel ? options_.limits.cores : 1;
    work.cores = std::clamp(wanted.cores.value_or(usual), 1, options_.limits.cores);
    work.memory = wanted.memory.value_or(0);
    const bool fits = cores_used_ + work.cores <= options_.limits.cores &&
                      (options_.limits.memory == 0 || memory_used_ + work.memory <= options_.limits.memory);
    if (!fits || work.not_before > moment) {
      ++it;
      continue;
    }
    it = waiting_.erase(it);
    start_attempt(node);
  }
}

void Runner::start_attempt(std::size_t node) {
  Work& work = works_[node];
  work.phase = Phase::running;
  cores_used_ += work.cores;
  memory_used_ += work.memory;
  instances_[node].state = State::running;
  work.attempt = {};
  work.attempt.run = run_;
  work.attempt.instance = id(node);
  work.attempt.number = ++work.row.attempts;
  work.attempt.id = executor::random_id();
  work.attempt.started = now();
  std::string file = id(node);
  std::replace(file.begin(), file.end(), '/', '.');
  work.attempt.log =
      (around_.workspace.logs(run_) / (file + "." + std::to_string(work.attempt.number) + ".log")).string();
  work.row.state = "running";
  if (work.row.started.empty()) work.row.started = work.attempt.started;
  record(work.row);
  record(work.attempt);
  launches_.push_back(node);
}

void Runner::launch(std::size_t node) {
  Work& work = works_[node];
  const fs::path folder = around_.workspace.attempts() / work.attempt.id;
  executor::StageRequest request;
  request.token = next_token_++;
  running_[request.token] = node;
  try {
    base::FileSystem& files = base::real_file_system();
    files.create_directories(folder / "work");
    files.create_directories(around_.workspace.scratch(work.row.key));
    files.create_directories(fs::path(work.attempt.log).parent_path());
    for (const auto& [name, input] : work.binding.inputs) {
      request.inputs[name] = {around_.artifacts.locate(input.digest).string(), input.type, input.digest,
                              input.instance, input.output};
    }
  } catch (const Error& error) {
    executor::Outcome outcome;
    outcome.token = request.token;
    outcome.ending =
        error.code == ErrorCode::corrupt ? executor::Ending::failed : executor::Ending::infrastructure;
    outcome.code = base::to_string(error.code);
    outcome.message = error.message;
    outcome.hint = error.hint;
    on(std::move(outcome));
    around_.executor.wake();
    return;
  }
  for (const auto& [name, output] : plan_.stages[node]->outputs) request.output_names.push_back(name);
  request.plugin = plan_.stages[node]->plugin;
  request.stage = work.row.uses;
  request.nonce = executor::random_id();
  request.attempt = work.attempt.id;
  request.parameters = work.binding.with;
  request.work_dir = folder / "work";
  request.scratch_dir = around_.workspace.scratch(work.row.key);
  request.log_path = work.attempt.log;
  request.seed = plan_.workflow.nodes[node].stage()->seed;
  request.threads = static_cast<unsigned>(work.cores);
  request.memory = work.memory;
  request.run_facts = work.facts;
  request.timeout = plan_.workflow.nodes[node].stage()->timeout;
  around_.executor.start(std::move(request));
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
    const auto left = std::chrono::duration_cast<milliseconds>(works_[node].not_before - moment);
    patience = std::clamp(left, milliseconds(0), patience);
  }
  return patience;
}

void Runner::on(const executor::HostEvent& event) {
  const auto found = running_.find(event.token);
  if (found == running_.end()) return;
  const std::size_t node = found->second;
  Work& work = works_[node];
  switch (event.kind) {
    case executor::HostEvent::Kind::started:
      work.attempt.pid = event.pid;
      tell("stage_started", node,
           {{"uses", work.row.uses},
            {"attempt", work.attempt.number},
            {"pid", event.pid},
            {"key", work.row.key},
            {"log", work.attempt.log},
            {"why", work.why}});
      break;
    case executor::HostEvent::Kind::log: {
      std::ofstream log(work.attempt.log, std::ios::app);
      log << now() << ' ' << event.level << ' ' << event.text << '\n';
      tell("stage_log", node, {{"level", event.level}, {"text", event.text}});
      break;
    }
    case executor::HostEvent::Kind::progress:
      tell("stage_progress", node, {{"done", event.done}, {"total", event.total}, {"what", event.what}});
      break;
    case executor::HostEvent::Kind::metric:
      tell("stage_metric", node, {{"name", event.name}, {"value", event.value}});
      break;
  }
}

void Runner::on(executor::Outcome outcome) {
  const auto found = running_.find(outcome.token);
  if (found == running_.end()) return;
  const std::size_t node = found->second;
  Work& work = works_[node];
  work.outcome = std::move(outcome);
  if (work.outcome.ending == executor::Ending::succeeded) {
    work.phase = Phase::publishing;
    publish(node);
    return;
  }
  attempt_failed(node);
}

// Hashing and moving happens beside the loop; the checkpoint is committed when all of it is in the store.
void Runner::publish(std::size_t node) {
  worker_.submit([this, node]() -> Worker::Continuation {
    Work& work = works_[node];
    try {
      auto outputs = store_outputs(*plan_.stages[node], work.outcome, around_.artifacts, around_.ledger,
                                   options_.rehash);
      return [this, node, outputs] { succeed(node, outputs); };
    } catch (const Error& error) {
      return [this, node, error] {
        executor::Outcome& outcome = works_[node].outcome;
        outcome.ending = error.code == ErrorCode::io || error.code == ErrorCode::no_space
                             ? executor::Ending::infrastructure
                             : executor::Ending::failed;
        outcome.code = error.code == ErrorCode::stage_failed ? "missing_output" : base::to_string(error.code);
        outcome.message = error.message;
        outcome.hint = error.hint;
        attempt_failed(node);
      };
    }
  });
}

void Runner::succeed(std::size_t node, std::map<std::string, store::OutputRow> outputs) {
  Work& work = works_[node];
  store::CheckpointRow checkpoint;
  checkpoint.key = work.row.key;
  checkpoint.uses = work.row.uses;
  checkpoint.outputs = std::move(outputs);
  checkpoint.metrics = work.outcome.metrics;
  checkpoint.seconds = work.outcome.seconds;
  checkpoint.cpu_seconds = work.outcome.cpu_seconds;
  checkpoint.peak_memory_bytes = work.outcome.peak_memory_bytes;
  checkpoint.run = run_;
  checkpoint.instance = id(node);
  checkpoint.created = now();
  in_transaction();
  around_.ledger.put(checkpoint);
  work.attempt.outcome = "succeeded";
  work.attempt.ended = now();
  record(work.attempt);

  running_.erase(work.outcome.token);
  cores_used_ -= work.cores;
  memory_used_ -= work.memory;
  work.phase = Phase::idle;
  instances_[node].state = State::succeeded;
  Json outputs_json = Json::object();
  for (const auto& [name, output] : checkpoint.outputs) {
    outputs_json[name] = {{"type", output.type}, {"digest", output.digest}};
  }
  tell("stage_succeeded", node,
       {{"uses", work.row.uses},
        {"seconds", checkpoint.seconds},
        {"outputs", outputs_json},
        {"metrics", checkpoint.metrics},
        {"peak_memory_bytes", checkpoint.peak_memory_bytes}});
  instances_[node].checkpoint = std::move(checkpoint);
  end(node);
  // What the attempt left is of no use once the checkpoint is on disk.
  after_commit_.push_back([this, folder = around_.workspace.attempts() / work.attempt.id,
                           scratch = around_.workspace.scratch(work.row.key)] {
    worker_.submit([folder, scratch]() -> Worker::Continuation {
      std::error_code ignored;
      fs::remove_all(folder, ignored);
      fs::remove_all(scratch, ignored);
      return [] {};
    });
  });
}

namespace {

bool retries_on(const workflow::Retry& retry, executor::Ending ending) {
  const std::string name(executor::to_string(ending));
  if (retry.on.empty())
    return ending == executor::Ending::crashed || ending == executor::Ending::infrastructure;
  return std::find(retry.on.begin(), retry.on.end(), name) != retry.on.end();
}

// Doubles with each attempt, up to the cap.
milliseconds backoff_after(const workflow::Retry& retry, int attempt) {
  milliseconds wait = retry.backoff;
  for (int i = 1; i < attempt && wait < retry.backoff_cap; ++i) wait *= 2;
  return std::min(wait, retry.backoff_cap);
}

}  // namespace

void Runner::attempt_failed(std::size_t node) {
  Work& work = works_[node];
  const executor::Outcome& outcome = work.outcome;
  const bool stopped = stop_heeded_ > 0;
  work.attempt.outcome = executor::to_string(outcome.ending);
  work.attempt.code = outcome.code;
  work.attempt.message = outcome.message;
  work.attempt.where = outcome.where;
  work.attempt.hint = outcome.hint;
  work.attempt.ended = now();
  record(work.attempt);
  running_.erase(outcome.token);
  cores_used_ -= work.cores;
  memory_used_ -= work.memory;
  after_commit_.push_back([this, folder = around_.workspace.attempts() / work.attempt.id] {
    worker_.submit([folder]() -> Worker::Continuation {
      std::error_code ignored;
      fs::remove_all(folder, ignored);
      return [] {};
    });
  });

  const Json news = {{"uses", work.row.uses},    {"state", executor::to_string(outcome.ending)},
                     {"code", outcome.code},     {"message", outcome.message},
                     {"where", outcome.where},   {"hint", outcome.hint},
                     {"log", work.attempt.log},  {"attempt", work.attempt.number},
                     {"signal", outcome.signal}, {"exit_status", outcome.exit_status}};
  if (stopped) {
    // Not the stage's fault: it is pending again, for a resume.
    work.phase = Phase::idle;
    instances_[node].state = State::pending;
    work.row.state = "pending";
    record(work.row);
    tell("stage_cancelled", node, news);
    return;
  }
  const workflow::Retry& retry = plan_.workflow.nodes[node].stage()->retry;
  if (work.attempt.number < retry.attempts && retries_on(retry, outcome.ending)) {
    const milliseconds wait = backoff_after(retry, work.attempt.number);
    work.not_before = around_.clock.monotonic() + wait;
    work.phase = Phase::waiting;
    work.why = "attempt " + std::to_string(work.attempt.number) + " ended: " + outcome.message;
    instances_[node].state = State::pending;
    waiting_.insert(node);
    Json retried = news;
    retried["retry_in_ms"] = wait.count();
    tell("stage_failed", node, std::move(retried));
    return;
  }
  work.phase = Phase::idle;
  instances_[node].state = outcome.ending == executor::Ending::timed_out   ? State::timed_out
                           : outcome.ending == executor::Ending::cancelled ? State::cancelled
                                                                           : State::failed;
  instances_[node].cause = outcome.code + ": " + outcome.message;
  tell("stage_failed", node, news);
  end(node);
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
  try {
    if (open_) around_.ledger.roll_back();
    for (const auto& [token, node] : running_) around_.executor.kill(token);
    for (int i = 0; i < 50 && around_.executor.running() > 0; ++i) around_.executor.poll(milliseconds(100));
  } catch (...) {  // the first error is the one to tell
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
