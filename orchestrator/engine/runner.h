// The loop behind start_run() and resume_run(): one thread that owns all state; children and the worker
// report to it. What happens in one turn of the loop reaches the ledger in one transaction, and only then is
// anything started. A power cut ends what was started, too, so that an intent need not survive one: what
// needs nothing that is still to reach the disk starts at once. Everything else waits until the transaction
// would survive: whatever depends on it, and whoever is told of it. Turns that follow closely share one sync
// where only the telling waits.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "orchestrator/engine/attempt_folders.h"
#include "orchestrator/engine/binding.h"
#include "orchestrator/engine/estimate.h"
#include "orchestrator/engine/instance.h"
#include "orchestrator/engine/run.h"
#include "orchestrator/engine/spare_logs.h"
#include "orchestrator/engine/worker.h"

namespace presswork::engine {

class Runner {
 public:
  Runner(const Plan& plan, std::string run, const Surroundings& surroundings, const RunOptions& options);
  // Runs until everything has ended or a stop is complete. Throws Error when the ledger or the store fails;
  // then no child is left, and the run can be resumed.
  RunResult execute();

 private:
  enum class Phase { idle, writing_down, checking, waiting, estimating, running, publishing, undoing };

  struct Share {  // of the machine
    int cores = 1;
    std::uint64_t memory = 0;
    int gpus = 0;
    std::map<std::string, int> tokens;
  };

  // A stage on its way from ready to ended.
  struct Work {
    Phase phase = Phase::idle;
    Binding binding;
    base::Json facts;
    store::InstanceRow row;
    store::AttemptRow attempt;
    Share share;
    std::optional<Estimate> estimate;  // the stage's own, once it was asked
    int failures =
        0;  // attempts of this session that failed; those that died with an orchestrator do not count
    std::chrono::steady_clock::time_point not_before{};  // of a retry
    std::string why;                                     // it runs
    executor::Outcome outcome;
  };

  // A loop between its first iteration and its end.
  struct OpenLoop {
    int max = 1;
    std::vector<std::uint32_t> iterations;      // scopes
    std::vector<store::IterationRow> recorded;  // by an earlier session of the run
  };

  // What the last session of the run left of an instance.
  struct Past {
    std::string state, key;
    std::int64_t serial = 0;  // of the checkpoint that it came to
    int attempts = 0;
    std::string started;
  };

  // runner.cc: the loop, and what it keeps
  void load_history();
  void take_over(std::size_t first);
  bool premises_stand(std::size_t step) const;
  bool restore(std::size_t step);
  bool find_damage(std::size_t first, std::unordered_set<std::size_t>& checked,
                   std::unordered_set<std::size_t>& damaged);
  bool is_intact(std::size_t step);
  void include(std::size_t first);  // steps from this one on: counts what they wait for
  void turn();
  void settle();
  void start(std::size_t step);
  void end(std::size_t step);  // releases what waits for it
  void skip(std::size_t step, const std::string& cause);
  void commit();
  bool may_wait() const;
  bool needs_news(std::size_t step) const;
  void heed_stop();
  bool finished() const;
  std::chrono::milliseconds patience() const;
  void abandon() noexcept;
  RunResult conclude();
  bool is_repeatable(const RunResult& result) const;
  void remember(const RunResult& result);

  // runner_stage.cc: a stage from ready to its first attempt
  void prepare(std::size_t step);
  store::ByteProgress unless_stopped(int request) const;
  void beside(std::size_t step, std::function<Worker::Continuation()> job);
  void look_up(std::size_t step);
  void discard_later(store::CheckpointRow checkpoint);
  void check_inputs(std::size_t step);
  void lose_input(std::size_t step, const std::string& digest, const store::Damage& damage);
  void admit();
  bool all_asked();
  void ask(std::size_t step);
  void heed_estimate(std::size_t step, const executor::Outcome& outcome);
  Share share_of(std::size_t step) const;
  bool fits(const Share& share) const;
  void take(const Share& share, int sign);

  // runner_attempt.cc: its attempts
  void start_attempt(std::size_t step);
  std::string log_file(std::size_t step, const std::string& what) const;
  void launch(std::size_t step);
  executor::StageRequest request_for(std::size_t step, executor::Verb verb);
  void on(const executor::HostEvent& event);
  void on(executor::Outcome outcome);
  void publish(std::size_t step);
  void warn_of_undescribed_metrics(std::size_t step, const base::Json& metrics);
  void release(std::size_t step);
  void discard_attempt(std::size_t step, bool succeeded);
  void succeed(std::size_t step, std::map<std::string, store::OutputRow> outputs);
  void attempt_failed(std::size_t step);
  void undo(std::size_t step);
  void give_up(std::size_t step);
  void fail(std::size_t step, State state, const std::string& code, const base::Error& error);

  // runner_control.cc: decisions, selections and loops
  void make_decision(std::size_t step);
  void make_selection(std::size_t step);
  void open_loop(std::size_t step);
  void begin_iteration(std::size_t loop, base::Json state, std::map<std::string, BoundInput> artifacts);
  void end_iteration(std::uint32_t scope);
  void go_on(std::size_t loop, std::uint32_t scope, const std::string& way, const workflow::LoopCase* chosen);
  void exhaust(std::size_t loop);
  void close_loop(std::size_t loop, std::uint32_t scope, const std::string& outcome);
  void retract_iterations(std::size_t loop);
  bool stands(std::uint32_t iteration) const;
  void fail_loop(std::size_t loop, const std::string& code, const base::Error& error);

  store::InstanceRow new_row(std::size_t step) const;
  void record(const store::InstanceRow& row);
  void record(const store::AttemptRow& row);
  void in_transaction();
  void tell(std::string kind, std::size_t step, base::Json data);
  void tell(std::string kind, base::Json data);
  std::string now() const;
  const std::string& id(std::size_t step) const { return graph_[step].id; }
  const workflow::Stage& stage(std::size_t step) const { return *graph_[step].node->stage(); }
  Standing standing() const { return {plan_, graph_, instances_}; }
  Work& work(std::size_t step);
  bool is_wanted(std::size_t step) const { return unwanted_.empty() || !unwanted_.contains(step); }

  const Plan& plan_;
  const std::string run_;
  const Surroundings& around_;
  const RunOptions& options_;

  Graph graph_;  // the plan's, and what loops add to it
  Instances instances_;
  std::unordered_map<std::size_t, std::unique_ptr<Work>> works_;  // of stages that are ready, until they end
  std::vector<std::uint32_t> missing_;                            // needs that have not ended, by step
  std::vector<std::vector<std::uint32_t>> dependents_;            // by step
  std::vector<std::uint32_t> unfinished_;                         // steps that have not ended, by scope
  std::deque<std::size_t> ready_;                                 // all needs ended, not judged yet
  std::deque<std::uint32_t> ended_iterations_;                    // scopes, not judged yet
  std::map<std::size_t, OpenLoop> loops_;                         // by step
  std::set<std::size_t> waiting_;                         // for their share of the machine, in plan order
  std::set<std::size_t> paused_;                          // of those, before a retry
  std::set<std::size_t> held_;                            // they wait until all are asked: see all_asked()
  std::unordered_set<std::string> asked_;                 // meanwhile, by key
  std::unordered_map<std::string, std::size_t> in_work_;  // by key: of what runs or is being published
  SoundArtifacts sound_;                                  // as this turn found them
  std::map<std::string, std::string> files_;              // named as inputs, by path: digests
  bool found_damage_ = false;                             // among checkpoints
  std::unordered_set<std::string> made_;                  // keys that this session made a checkpoint of
  std::map<std::uint64_t, std::size_t> running_;          // token -> step
  std::set<std::size_t> unwanted_;                        // beyond `--until`

  std::unordered_map<std::string, Past> past_;        // by instance id
  std::map<std::string, store::DecisionRow> replay_;  // decisions that an earlier session of the run made
  std::map<std::string, store::SupersededMark> retracted_;  // instances that were rolled back, by id
  std::map<std::string, std::vector<store::IterationRow>> iterations_;  // by loop
  std::vector<bool> stands_;  // by step: what an earlier session left of it is still what it comes to
  std::vector<bool> firm_;    // by scope: likewise, of the loop's state when the iteration began
  bool asks_ = false;         // some stage is to be asked what it expects to need
  bool begun_ = false;        // all that could be asked before anything is run have answered
  bool refused_ = false;      // and one of them can never fit: nothing is run
  std::size_t kept_ = 0;      // stages that an earlier session finished

  bool open_ = false;        // a ledger transaction
  bool unsynced_ = false;    // something was committed that would not survive a power cut
  bool is_awaited_ = false;  // and somebody waits for it
  std::chrono::steady_clock::time_point unsynced_since_{};
  // Not on the disk yet: what has ended, and where the steps begin that were added.
  std::unordered_set<std::size_t> ended_;
  std::size_t first_new_ = 0;
  std::vector<Event> events_;
  std::vector<std::size_t> launches_;
  std::vector<std::function<void()>> after_commit_;
  std::vector<std::unique_ptr<Work>> done_works_;  // until the turn ends
  std::uint64_t next_token_ = 1;
  Share used_{0, 0, 0, {}};
  int stop_heeded_ = 0;
  AttemptFolders folders_;
  SpareLogs logs_;
  Worker worker_;  // last: its thread ends before the rest goes
};

}  // namespace presswork::engine
