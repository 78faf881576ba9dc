// The attempts of a stage: started, listened to, published or failed.
#include <algorithm>
#include <fstream>

#include "orchestrator/base/file_system.h"
#include "orchestrator/engine/runner.h"

namespace presswork::engine {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;
using std::chrono::milliseconds;

void Runner::start_attempt(std::size_t node) {
  Work& work = works_[node];
  work.phase = Phase::running;
  cores_used_ += work.cores;
  memory_used_ += work.memory;
  keys_in_work_.insert(work.row.key);
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
    files.create_directories(folder);
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
  request.work_dir = folder;
  request.scratch_dir = around_.workspace.scratch(work.row.key);
  request.log_path = work.attempt.log;
  request.seed = plan_.workflow.nodes[node].stage()->seed;
  request.threads = static_cast<unsigned>(work.cores);
  request.memory = work.memory;
  request.run_facts = work.facts;
  request.timeout = plan_.workflow.nodes[node].stage()->timeout;
  around_.executor.start(std::move(request));
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
      refuse_changed_inputs(work.binding, around_.artifacts, around_.ledger, unless_stopped(2));
      auto outputs = store_outputs(*plan_.stages[node], work.outcome, around_.artifacts, around_.ledger,
                                   options_.rehash, unless_stopped(2));
      return [this, node, outputs] { succeed(node, outputs); };
    } catch (const Error& error) {
      return [this, node, error] {
        executor::Outcome& outcome = works_[node].outcome;
        outcome.ending = error.code == ErrorCode::io || error.code == ErrorCode::no_space
                             ? executor::Ending::infrastructure
                         : error.code == ErrorCode::cancelled ? executor::Ending::cancelled
                                                              : executor::Ending::failed;
        outcome.code = error.code == ErrorCode::stage_failed ? "result_refused" : base::to_string(error.code);
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

  release(node);
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
  discard_attempt(node, true);
}

void Runner::release(std::size_t node) {
  const Work& work = works_[node];
  running_.erase(work.outcome.token);
  cores_used_ -= work.cores;
  memory_used_ -= work.memory;
  keys_in_work_.erase(work.row.key);
}

// What an attempt left is of no use once its end is on disk; its scratch, once the checkpoint is. The scratch
// is moved aside at once, so that the same work may begin again while the worker still removes it.
void Runner::discard_attempt(std::size_t node, bool with_scratch) {
  after_commit_.push_back([this, folder = around_.workspace.attempts() / works_[node].attempt.id,
                           scratch = around_.workspace.scratch(works_[node].row.key), with_scratch] {
    fs::path aside = folder;
    aside += ".scratch";
    std::error_code none;
    if (with_scratch) fs::rename(scratch, aside, none);
    worker_.submit([folder, aside]() -> Worker::Continuation {
      try {
        base::real_file_system().remove_all(folder);
        base::real_file_system().remove_all(aside);
      } catch (const Error&) {  // clean_up() tries again at the next start
      }
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

// Doubles with each failure, up to the cap.
milliseconds backoff_after(const workflow::Retry& retry, int failures) {
  milliseconds wait = retry.backoff;
  for (int i = 1; i < failures && wait < retry.backoff_cap; ++i) wait *= 2;
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
  release(node);
  discard_attempt(node, false);

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
  if (++work.failures < retry.attempts && retries_on(retry, outcome.ending)) {
    const milliseconds wait = backoff_after(retry, work.failures);
    work.not_before = around_.clock.monotonic() + wait;
    work.phase = Phase::waiting;
    work.why = "attempt " + std::to_string(work.attempt.number) + " ended: " + outcome.message;
    instances_[node].state = State::pending;
    waiting_.insert(node);
    work.row.state = "pending";
    record(work.row);
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

}  // namespace presswork::engine
