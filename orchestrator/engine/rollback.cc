#include "orchestrator/engine/rollback.h"

#include <algorithm>

#include "orchestrator/base/file_system.h"
#include "orchestrator/engine/downstream.h"

namespace presswork::engine {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;

namespace {

const plugins::StageDescription& described(const plugins::Catalogue& catalogue, const std::string& uses,
                                           const std::string& instance) {
  const plugins::StageDescription* stage = catalogue.find(uses);
  if (stage != nullptr) return *stage;
  throw Error(ErrorCode::not_found,
              "no plugin has the stage " + uses + " of " + instance +
                  ", so that it cannot be said whether it has effects to undo",
              "name the plugin's folder with --plugin-path; --no-undo goes on without");
}

// Commits at the end of the scope that says so; takes everything back otherwise.
class Transaction {
 public:
  explicit Transaction(store::Ledger& ledger) : ledger_(ledger) { ledger_.begin(); }
  ~Transaction() {
    if (done_) return;
    try {
      ledger_.roll_back();
    } catch (const Error&) {
      // the first error is the one to tell
    }
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    ledger_.commit();
    done_ = true;
  }

 private:
  store::Ledger& ledger_;
  bool done_ = false;
};

// Two folders of one run never have the same name: the generation is part of it.
fs::path log_of(const Surroundings& around, const store::SupersededRow& row) {
  std::string file = row.id;
  std::replace(file.begin(), file.end(), '/', '.');
  return around.workspace.logs(row.run) / (file + ".rollback" + std::to_string(row.generation) + ".log");
}

// What the stage was given when it ran. An input that is gone since is left out: a rollback that needs it
// says so itself.
executor::StageRequest request_for(const store::SupersededRow& row, const plugins::StageDescription& stage,
                                   const Surroundings& around) {
  executor::StageRequest request;
  request.token = 1;
  request.verb = executor::Verb::rollback;
  request.plugin = stage.plugin;
  request.stage = stage.id;
  request.nonce = executor::random_id();
  request.attempt = executor::random_id();
  request.parameters = row.instance->with;
  for (const auto& [name, input] : row.instance->inputs.items()) {
    const std::string digest = input.value("digest", "");
    try {
      request.inputs[name] = {around.artifacts.locate(digest).string(), input.value("type", ""), digest,
                              input.value("instance", ""), input.value("output", "")};
    } catch (const Error& error) {
      if (error.code != ErrorCode::not_found && error.code != ErrorCode::corrupt) throw;
    }
  }
  request.work_dir = around.workspace.attempts() / request.attempt;
  request.scratch_dir = around.workspace.scratch(row.instance->key);
  request.log_path = log_of(around, row);
  return request;
}

Event news_of(const executor::HostEvent& news, const std::string& instance, base::Clock& clock) {
  using Kind = executor::HostEvent::Kind;
  if (news.kind == Kind::log) {
    return {clock.now(), "stage_log", instance, {{"level", news.level}, {"text", news.text}}};
  }
  return {clock.now(),
          "stage_progress",
          instance,
          {{"done", news.done}, {"total", news.total}, {"what", news.what}}};
}

executor::Outcome wait_for_end(const std::string& instance, const Surroundings& around) {
  int heeded = 0;
  for (;;) {
    const int wanted = std::min(around.stop.load(), 2);
    if (wanted > heeded) wanted == 1 ? around.executor.cancel(1) : around.executor.kill(1);
    heeded = std::max(heeded, wanted);
    for (auto& news : around.executor.poll(std::chrono::milliseconds(100))) {
      if (auto* outcome = std::get_if<executor::Outcome>(&news)) return std::move(*outcome);
      const auto& event = std::get<executor::HostEvent>(news);
      if (event.kind == executor::HostEvent::Kind::log || event.kind == executor::HostEvent::Kind::progress) {
        around.observer.on_event(news_of(event, instance, around.clock));
      }
    }
    around.observer.on_tick();
  }
}

void call_rollback(const store::SupersededRow& row, const plugins::StageDescription& stage,
                   const Surroundings& around) {
  executor::StageRequest request = request_for(row, stage, around);
  base::FileSystem& files = base::real_file_system();
  const fs::path folder = request.work_dir;
  const std::string log = request.log_path.string();
  files.create_directories(folder);
  files.create_directories(request.log_path.parent_path());
  around.executor.start(std::move(request));
  const executor::Outcome outcome = wait_for_end(row.id, around);
  files.remove_all(folder);
  if (outcome.ending == executor::Ending::succeeded) return;
  if (around.stop.load() > 0) {
    throw Error(ErrorCode::cancelled, "stopped while the rollback of " + row.id + " ran",
                "repeat the command: what was undone is not undone again");
  }
  throw Error(ErrorCode::stage_failed,
              "the rollback of " + row.id + " (" + stage.id + ") failed: " + outcome.message,
              (outcome.hint.empty() ? "" : outcome.hint + "; ") + "its log is " + log +
                  "; once the cause is mended, repeat the command, or go on without it with --no-undo");
}

}  // namespace

TakeBackPlan plan_take_back(store::Ledger& ledger, const plugins::Catalogue& catalogue,
                            const std::string& run, const std::vector<std::string>& targets, TakeBack how,
                            bool undo) {
  const History history = read_history(ledger, run);
  Downstream gone = downstream(history, targets, how == TakeBack::from_it);
  TakeBackPlan plan{run, targets, std::move(gone.ids), std::move(gone.begun_again), {}};
  if (!undo) return plan;
  const std::set<std::string> ids(plan.ids.begin(), plan.ids.end());
  for (const store::InstanceRow& row : history.instances) {
    if (!ids.contains(row.id) || row.uses.empty() || row.attempts == 0 || row.state == "cached") continue;
    if (described(catalogue, row.uses, row.id).rollback) plan.undo.push_back(row.id);
  }
  return plan;
}

void take_back(const TakeBackPlan& plan, const std::string& reason, const Surroundings& around) {
  const std::string now = base::to_utc_string(around.clock.now());
  const std::set<std::string> undo(plan.undo.begin(), plan.undo.end());
  Transaction transaction(around.ledger);
  around.ledger.supersede(plan.run, plan.ids, undo, now, reason);
  for (const store::IterationRow& row : plan.begun_again) around.ledger.put(row);
  if (!undo.empty()) {
    // No run may take from the cache what is about to be undone.
    for (const store::SupersededRow& row : around.ledger.pending_undo(plan.run)) {
      if (row.instance) around.ledger.retire_checkpoint(row.instance->key);
    }
  }
  around.ledger.set_run_state(plan.run, "interrupted", "", reason);
  transaction.commit();
}

std::vector<Undo> undo_pending(const std::string& run, const plugins::Catalogue& catalogue,
                               const Surroundings& around) {
  std::vector<store::SupersededRow> pending = around.ledger.pending_undo(run);
  std::reverse(pending.begin(), pending.end());
  std::vector<Undo> undone;
  for (const store::SupersededRow& row : pending) {
    if (row.instance) call_rollback(row, described(catalogue, row.instance->uses, row.id), around);
    around.ledger.set_undo(run, row.id, row.generation, "done");
    undone.push_back({row.id, row.generation, log_of(around, row).string()});
  }
  return undone;
}

std::vector<Undo> skip_pending_undo(const std::string& run, store::Ledger& ledger) {
  std::vector<Undo> skipped;
  for (const store::SupersededRow& row : ledger.pending_undo(run)) {
    ledger.set_undo(run, row.id, row.generation, "skipped");
    skipped.push_back({row.id, row.generation, ""});
  }
  return skipped;
}

}  // namespace presswork::engine
