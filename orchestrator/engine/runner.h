// The loop behind start_run() and resume_run(): one thread that owns all state; children and the worker
// report to it. What happens in one turn of the loop reaches the ledger in one transaction, and only then is
// anybody told and is anything started.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/engine/binding.h"
#include "orchestrator/engine/instance.h"
#include "orchestrator/engine/run.h"
#include "orchestrator/engine/worker.h"

namespace presswork::engine {

class Runner {
 public:
  Runner(const Plan& plan, std::string run, const Surroundings& surroundings, const RunOptions& options);
  // Runs until everything has ended or a stop is complete. Throws Error when the ledger or the store fails;
  // then no child is left, and the run can be resumed.
  RunResult execute();

 private:
  enum class Phase { idle, writing_down, waiting, running, publishing };

  // A stage on its way from ready to ended.
  struct Work {
    Phase phase = Phase::idle;
    Binding binding;
    base::Json facts;
    store::InstanceRow row;
    store::AttemptRow attempt;
    int cores = 1;
    std::uint64_t memory = 0;
    int failures =
        0;  // attempts of this session that failed; those that died with an orchestrator do not count
    std::chrono::steady_clock::time_point not_before{};  // of a retry
    bool held = false;  // until the same work, being done for another stage, has ended
    std::string why;    // it runs
    executor::Outcome outcome;
  };

  void load_history();
  void turn();
  void settle();
  void end(std::size_t node);  // releases what waits for it
  void skip(std::size_t node, const std::string& cause);
  void make_decision(std::size_t node);
  void prepare(std::size_t node);
  store::ByteProgress unless_stopped(int request) const;
  void look_up(std::size_t node);
  void discard_later(store::CheckpointRow checkpoint);
  void admit();
  void start_attempt(std::size_t node);
  void launch(std::size_t node);
  void commit();
  void heed_stop();
  bool finished() const;
  std::chrono::milliseconds patience() const;

  void on(const executor::HostEvent& event);
  void on(executor::Outcome outcome);
  void publish(std::size_t node);
  void release(std::size_t node);
  void discard_attempt(std::size_t node, bool with_scratch);
  void succeed(std::size_t node, std::map<std::string, store::OutputRow> outputs);
  void attempt_failed(std::size_t node);
  void fail(std::size_t node, State state, const std::string& code, const base::Error& error);
  void abandon() noexcept;

  void record(const store::InstanceRow& row);
  void record(const store::AttemptRow& row);
  void in_transaction();
  void tell(std::string kind, std::size_t node, base::Json data);
  void tell(std::string kind, base::Json data);
  std::string now() const;
  const std::string& id(std::size_t node) const { return plan_.workflow.nodes[node].id; }
  RunResult conclude();

  const Plan& plan_;
  const std::string run_;
  const Surroundings& around_;
  const RunOptions& options_;

  Instances instances_;
  std::vector<Work> works_;
  std::vector<std::size_t> missing_;                  // needs that have not ended, by node
  std::vector<std::vector<std::size_t>> dependents_;  // by node
  std::deque<std::size_t> ready_;                     // all needs ended, not judged yet
  std::set<std::size_t> waiting_;                     // for cores and memory, in the order of the document
  std::set<std::string> keys_in_work_;                // of what runs or is being published
  std::map<std::uint64_t, std::size_t> running_;      // token -> node
  std::map<std::string, store::DecisionRow> replay_;  // decisions that an earlier session of the run made
  std::map<std::string, store::InstanceRow> history_;
  std::map<std::string, store::SupersededMark> superseded_;
  std::set<std::size_t> ours_;  // nodes whose work this run itself committed earlier

  bool open_ = false;  // a ledger transaction
  std::vector<Event> events_;
  std::vector<std::size_t> launches_;
  std::vector<std::function<void()>> after_commit_;
  std::uint64_t next_token_ = 1;
  int cores_used_ = 0;
  std::uint64_t memory_used_ = 0;
  int stop_heeded_ = 0;
  Worker worker_;  // last: its thread ends before the rest goes
};

}  // namespace presswork::engine
