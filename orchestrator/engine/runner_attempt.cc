// The attempts of a stage: started, listened to, published or failed.
#include <algorithm>
#include <fstream>

#include "orchestrator/base/file_system.h"
#include "orchestrator/base/hash.h"
#include "orchestrator/engine/evidence.h"
#include "orchestrator/engine/runner.h"

namespace presswork::engine {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;
using std::chrono::milliseconds;

namespace {

// An instance's id as the name of a file; a long one is cut, and told from its like by a digest.
std::string file_name(std::string id) {
  constexpr std::size_t longest = 150;
  std::replace(id.begin(), id.end(), '/', '.');
  return id.size() <= longest ? id : id.substr(0, longest) + "~" + base::sha256(id).substr(0, 12);
}

}  // namespace

void Runner::start_attempt(std::size_t step) {
  Work& work = this->work(step);
  work.phase = Phase::running;
  take(work.share, 1);
  in_work_.emplace(work.row.key, step);
  instances_[step].state = State::running;
  work.attempt = {};
  work.attempt.run = run_;
  work.attempt.instance = id(step);
  work.attempt.number = ++work.row.attempts;
  work.attempt.id = executor::random_id();
  work.attempt.started = now();
  work.attempt.log = log_file(step, std::to_string(work.attempt.number));
  work.row.state = "running";
  if (work.row.started.empty()) work.row.started = work.attempt.started;
  record(work.row);
  record(work.attempt);
  launches_.push_back(step);
}

std::string Runner::log_file(std::size_t step, const std::string& what) const {
  return (around_.workspace.logs(run_) / (file_name(id(step)) + "." + what + ".log")).string();
}

void Runner::launch(std::size_t step) {
  const std::uint64_t token = next_token_++;
  running_[token] = step;
  try {
    const bool estimates = work(step).phase == Phase::estimating;
    executor::StageRequest request =
        request_for(step, estimates ? executor::Verb::plan : executor::Verb::run);
    request.token = token;
    around_.executor.start(std::move(request));
  } catch (const Error& error) {
    executor::Outcome outcome;
    outcome.token = token;
    outcome.ending =
        error.code == ErrorCode::corrupt ? executor::Ending::failed : executor::Ending::infrastructure;
    outcome.code = base::to_string(error.code);
    outcome.message = error.message;
    outcome.hint = error.hint;
    on(std::move(outcome));
    around_.executor.wake();
  }
}

executor::StageRequest Runner::request_for(std::size_t step, executor::Verb verb) {
  Work& work = this->work(step);
  executor::StageRequest request;
  request.verb = verb;
  request.work_dir = around_.workspace.attempts() / work.attempt.id;
  base::FileSystem& files = base::real_file_system();
  folders_.make(request.work_dir);
  files.create_directories(fs::path(work.attempt.log).parent_path());
  logs_.give(work.attempt.log);
  request.inputs = input_files(work.binding, around_.artifacts);
  for (const auto& [name, output] : graph_[step].stage->outputs) request.output_names.push_back(name);
  request.plugin = graph_[step].stage->plugin;
  request.stage = work.row.uses;
  request.nonce = executor::random_id();
  request.attempt = work.attempt.id;
  request.parameters = work.binding.with;
  request.scratch_dir = around_.workspace.scratch(work.row.key);
  request.log_path = work.attempt.log;
  request.seed = stage(step).seed;
  request.threads = static_cast<unsigned>(work.share.cores);
  request.memory = work.share.memory;
  if (!work.facts.is_null())
    request.run_facts = with_evidence(work.facts, around_.ledger, run_, around_.artifacts);
  request.timeout = stage(step).timeout;
  request.grace = stage(step).grace;
  return request;
}

void Runner::on(const executor::HostEvent& event) {
  const auto found = running_.find(event.token);
  if (found == running_.end()) return;
  const std::size_t step = found->second;
  Work& work = this->work(step);
  if (work.phase == Phase::estimating) return;
  switch (event.kind) {
    case executor::HostEvent::Kind::started:
      work.attempt.pid = event.pid;
      if (work.phase == Phase::undoing) {
        tell("stage_rolling_back", step,
             {{"uses", work.row.uses},
              {"attempt", work.attempt.number},
              {"pid", event.pid},
              {"log", work.attempt.log}});
        break;
      }
      tell("stage_started", step,
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
      tell("stage_log", step, {{"level", event.level}, {"text", event.text}});
      break;
    }
    case executor::HostEvent::Kind::progress:
      tell("stage_progress", step, {{"done", event.done}, {"total", event.total}, {"what", event.what}});
      break;
    case executor::HostEvent::Kind::metric:
      tell("stage_metric", step, {{"name", event.name}, {"value", event.value}});
      break;
  }
}

void Runner::on(executor::Outcome outcome) {
  const auto found = running_.find(outcome.token);
  if (found == running_.end()) return;
  const std::size_t step = found->second;
  Work& work = this->work(step);
  if (work.phase == Phase::estimating) {
    running_.erase(outcome.token);
    heed_estimate(step, outcome);
    return;
  }
  if (work.phase == Phase::undoing) {
    tell("stage_rolled_back", step,
         {{"uses", work.row.uses},
          {"state", executor::to_string(outcome.ending)},
          {"message", outcome.message}});
    running_.erase(outcome.token);
    discard_attempt(step, false);
    give_up(step);
    return;
  }
  work.outcome = std::move(outcome);
  if (work.outcome.ending == executor::Ending::succeeded) {
    work.phase = Phase::publishing;
    publish(step);
    return;
  }
  attempt_failed(step);
}

// Hashing and moving happens beside the loop; the checkpoint is committed when all of it is in the store.
void Runner::publish(std::size_t step) {
  // The work stays where it is until its continuation has run; the loop does not touch it meanwhile.
  worker_.submit([this, step, &work = this->work(step)]() -> Worker::Continuation {
    try {
      refuse_changed_inputs(work.binding, around_.artifacts, around_.ledger, unless_stopped(2));
      auto outputs = store_outputs(*graph_[step].stage, work.outcome, around_.artifacts, around_.ledger,
                                   options_.rehash, unless_stopped(2));
      return [this, step, outputs] { succeed(step, outputs); };
    } catch (const Error& error) {
      return [this, step, error] {
        executor::Outcome& outcome = this->work(step).outcome;
        outcome.ending = error.code == ErrorCode::io || error.code == ErrorCode::no_space
                             ? executor::Ending::infrastructure
                         : error.code == ErrorCode::cancelled ? executor::Ending::cancelled
                                                              : executor::Ending::failed;
        outcome.code = error.code == ErrorCode::stage_failed ? "result_refused" : base::to_string(error.code);
        outcome.message = error.message;
        outcome.hint = error.hint;
        attempt_failed(step);
      };
    }
  });
}

void Runner::succeed(std::size_t step, std::map<std::string, store::OutputRow> outputs) {
  Work& work = this->work(step);
  store::CheckpointRow checkpoint;
  checkpoint.key = work.row.key;
  checkpoint.uses = work.row.uses;
  checkpoint.outputs = std::move(outputs);
  checkpoint.metrics = work.outcome.metrics;
  checkpoint.seconds = work.outcome.seconds;
  checkpoint.cpu_seconds = work.outcome.cpu_seconds;
  checkpoint.peak_memory_bytes = work.outcome.peak_memory_bytes;
  checkpoint.run = run_;
  checkpoint.instance = id(step);
  checkpoint.created = now();
  in_transaction();
  checkpoint.serial = work.row.checkpoint = around_.ledger.put(checkpoint);
  made_.insert(checkpoint.key);
  work.attempt.outcome = "succeeded";
  work.attempt.ended = now();
  if (is_empty_log(work.attempt.log)) {
    after_commit_.push_back([this, log = std::exchange(work.attempt.log, {})] { logs_.keep(log); });
  }
  record(work.attempt);

  release(step);
  work.phase = Phase::idle;
  instances_[step].state = State::succeeded;
  Json outputs_json = Json::object();
  for (const auto& [name, output] : checkpoint.outputs) {
    outputs_json[name] = {{"type", output.type}, {"digest", output.digest}};
  }
  warn_of_undescribed_metrics(step, checkpoint.metrics);
  tell("stage_succeeded", step,
       {{"uses", work.row.uses},
        {"seconds", checkpoint.seconds},
        {"outputs", outputs_json},
        {"metrics", checkpoint.metrics},
        {"peak_memory_bytes", checkpoint.peak_memory_bytes}});
  instances_[step].key = checkpoint.key;
  instances_[step].checkpoint = std::move(checkpoint);
  discard_attempt(step, true);
  end(step);
}

void Runner::warn_of_undescribed_metrics(std::size_t step, const Json& metrics) {
  std::string names;
  for (const auto& [name, value] : metrics.items()) {
    if (!graph_[step].stage->metrics.contains(name)) names += (names.empty() ? "" : ", ") + name;
  }
  if (names.empty()) return;
  tell("stage_log", step,
       {{"level", "warning"},
        {"text",
         "metrics that the stage's description does not name: " + names + "; workflows cannot use them"}});
}

void Runner::release(std::size_t step) {
  const Work& work = this->work(step);
  running_.erase(work.outcome.token);
  take(work.share, -1);
  in_work_.erase(work.row.key);
}

// What an attempt left is of no use once its end is on disk; its scratch, once the checkpoint is. The scratch
// is moved aside at once, so that the same work may begin again while the worker still removes it.
void Runner::discard_attempt(std::size_t step, bool succeeded) {
  after_commit_.push_back([this, folder = around_.workspace.attempts() / this->work(step).attempt.id,
                           scratch = around_.workspace.scratch(this->work(step).row.key), succeeded] {
    fs::path aside = folder;
    aside += ".scratch";
    std::error_code failed;
    if (succeeded) fs::rename(scratch, aside, failed);
    const bool has_scratch = succeeded && !failed;
    worker_.tidy([this, folder, aside, succeeded, has_scratch] {
      folders_.discard(folder, succeeded);
      if (has_scratch) folders_.discard(aside, false);
    });
  });
}

namespace {

bool retries_on(const workflow::Retry& retry, executor::Ending ending) {
  return std::find(retry.on.begin(), retry.on.end(), executor::to_string(ending)) != retry.on.end();
}

// Why a failure is not tried again though attempts are left.
std::string retry_hint(const workflow::Retry& retry, executor::Ending ending) {
  std::string kinds;
  for (const std::string& kind : retry.on) kinds += (kinds.empty() ? "" : ", ") + kind;
  return "it is not tried again: \"retry\" is for " + kinds + "; to retry this, add " +
         std::string(executor::to_string(ending)) + " to its \"on\"";
}

// Doubles with each failure, up to the cap.
milliseconds backoff_after(const workflow::Retry& retry, int failures) {
  milliseconds wait = retry.backoff;
  for (int i = 1; i < failures && wait < retry.backoff_cap; ++i) wait *= 2;
  return std::min(wait, retry.backoff_cap);
}

}  // namespace

void Runner::attempt_failed(std::size_t step) {
  Work& work = this->work(step);
  executor::Outcome& outcome = work.outcome;
  const bool stopped = stop_heeded_ > 0;
  const workflow::Retry& retry = stage(step).retry;
  const bool left = !stopped && ++work.failures < retry.attempts;
  const bool again = left && retries_on(retry, outcome.ending);
  if (left && !again && outcome.ending != executor::Ending::cancelled)
    outcome.hint += (outcome.hint.empty() ? "" : "; ") + retry_hint(retry, outcome.ending);
  work.attempt.outcome = executor::to_string(outcome.ending);
  work.attempt.code = outcome.code;
  work.attempt.message = outcome.message;
  work.attempt.where = outcome.where;
  work.attempt.hint = outcome.hint;
  work.attempt.ended = now();
  std::error_code unknown;
  if (!fs::exists(work.attempt.log, unknown)) work.attempt.log.clear();  // no host came to write one
  record(work.attempt);
  release(step);
  discard_attempt(step, false);

  const Json news = {{"uses", work.row.uses},    {"state", executor::to_string(outcome.ending)},
                     {"code", outcome.code},     {"message", outcome.message},
                     {"where", outcome.where},   {"hint", outcome.hint},
                     {"log", work.attempt.log},  {"attempt", work.attempt.number},
                     {"signal", outcome.signal}, {"exit_status", outcome.exit_status}};
  if (stopped) {
    // Not the stage's fault: it is pending again, for a resume.
    work.phase = Phase::idle;
    instances_[step].state = State::pending;
    work.row.state = "pending";
    record(work.row);
    tell("stage_cancelled", step, news);
    return;
  }
  if (again) {
    const milliseconds wait = backoff_after(retry, work.failures);
    work.not_before = around_.clock.monotonic() + wait;
    work.phase = Phase::waiting;
    work.why = "attempt " + std::to_string(work.attempt.number) + " ended: " + outcome.message;
    instances_[step].state = State::pending;
    waiting_.insert(step);
    paused_.insert(step);
    work.row.state = "pending";
    record(work.row);
    Json retried = news;
    retried["retry_in_ms"] = wait.count();
    tell("stage_failed", step, std::move(retried));
    return;
  }
  const bool wants_rollback = stage(step).on_failure == workflow::OnFailure::rollback;
  if (wants_rollback && graph_[step].stage->rollback) {
    undo(step);
    return;
  }
  if (wants_rollback) {
    tell("stage_log", step,
         {{"level", "warning"},
          {"text", "nothing was rolled back: the stage has no rollback of its own (on_failure: rollback)"}});
  }
  give_up(step);
}

// The stage's own rollback takes back what its failed attempts did outside of the store.
void Runner::undo(std::size_t step) {
  Work& work = this->work(step);
  work.phase = Phase::undoing;
  is_awaited_ = true;
  after_commit_.push_back([this, step] {
    Work& undone = this->work(step);
    undone.attempt.id = executor::random_id();
    undone.attempt.log = log_file(step, std::to_string(undone.attempt.number));
    const std::uint64_t token = next_token_++;
    running_[token] = step;
    try {
      executor::StageRequest request = request_for(step, executor::Verb::rollback);
      request.token = token;
      around_.executor.start(std::move(request));
    } catch (const Error& error) {
      executor::Outcome outcome;
      outcome.token = token;
      outcome.ending = executor::Ending::infrastructure;
      outcome.message = error.message;
      on(std::move(outcome));
      around_.executor.wake();
    }
  });
}

// No further attempt.
void Runner::give_up(std::size_t step) {
  Work& work = this->work(step);
  const executor::Outcome& outcome = work.outcome;
  work.phase = Phase::idle;
  instances_[step].state = outcome.ending == executor::Ending::timed_out   ? State::timed_out
                           : outcome.ending == executor::Ending::cancelled ? State::cancelled
                                                                           : State::failed;
  instances_[step].cause = outcome.code + ": " + outcome.message;
  tell("stage_failed", step,
       {{"uses", work.row.uses},
        {"state", executor::to_string(outcome.ending)},
        {"code", outcome.code},
        {"message", outcome.message},
        {"where", outcome.where},
        {"hint", outcome.hint},
        {"log", work.attempt.log},
        {"attempt", work.attempt.number},
        {"signal", outcome.signal},
        {"exit_status", outcome.exit_status},
        {"tolerated", is_tolerated(graph_[step], instances_[step])}});
  end(step);
}

// A step that failed before any child was started for it.
void Runner::fail(std::size_t step, State state, const std::string& code, const Error& error) {
  if (graph_[step].stage != nullptr) this->work(step).phase = Phase::idle;
  instances_[step].state = state;
  instances_[step].cause = code + ": " + error.message;
  if (!error.hint.empty())
    instances_[step].cause += " (" + error.hint + ")";  // there is no attempt to hold it
  tell("stage_failed", step,
       {{"uses", graph_[step].stage == nullptr ? "" : graph_[step].stage->id},
        {"state", "failed"},
        {"code", code},
        {"message", error.message},
        {"where", error.where.to_string()},
        {"hint", error.hint},
        {"attempt", new_row(step).attempts}});
  end(step);
}

}  // namespace presswork::engine
