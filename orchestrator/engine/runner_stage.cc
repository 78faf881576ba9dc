// A stage from ready to its first attempt: bound, looked up, admitted.
#include <algorithm>
#include <utility>

#include "orchestrator/engine/evidence.h"
#include "orchestrator/engine/facts.h"
#include "orchestrator/engine/named_steps.h"
#include "orchestrator/engine/runner.h"
#include "orchestrator/store/inspection.h"

namespace presswork::engine {

using base::Error;

// From here a stage's binding is fixed; hashing what lies outside the store happens beside the loop.
void Runner::prepare(std::size_t step) {
  Work& one = work(step);
  try {
    one.binding = bind_stage(standing(), step);
    if (graph_[step].stage->reads_run) {
      in_transaction();  // the rows of this turn are part of what the facts say
      one.facts = with_approvals(run_facts(standing(), around_.ledger, run_, ancestors(graph_, step)),
                                 around_.workspace.ledger());
    }
  } catch (const Error& error) {
    fail(step, State::failed, std::string(base::to_string(error.code)), error);
    return;
  }
  if (!needs_writing_down(one.binding)) {
    look_up(step);
    return;
  }
  one.phase = Phase::writing_down;
  beside(step, [this, step, binding = one.binding]() mutable -> Worker::Continuation {
    write_down(binding, around_.artifacts, around_.ledger, options_.rehash, unless_stopped(1));
    return [this, step, binding] {
      work(step).binding = binding;
      look_up(step);
    };
  });
}

// A job on the way to a stage's first attempt; its error is the stage's.
void Runner::beside(std::size_t step, std::function<Worker::Continuation()> job) {
  worker_.submit([this, step, job = std::move(job)]() mutable -> Worker::Continuation {
    try {
      return job();
    } catch (const Error& error) {
      if (error.code == base::ErrorCode::cancelled) return [] {};  // a resume begins with it again
      return
          [this, step, error] { fail(step, State::failed, std::string(base::to_string(error.code)), error); };
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
void Runner::look_up(std::size_t step) {
  Work& one = work(step);
  one.row.with = one.binding.with;
  one.row.inputs = to_json(one.binding.inputs);
  const KeyParts parts = key_parts(one.binding, graph_[step], options_.salt, one.facts);
  one.row.key = parts.key();
  one.row.key_rest = parts.rest();
  for (const auto& [name, digest] : one.binding.path_digests.items()) {
    files_[one.binding.with.at(name).get<std::string>()] = digest.get<std::string>();
  }

  const auto retracted = retracted_.find(id(step));
  auto checkpoint = around_.ledger.checkpoint(one.row.key);
  const bool is_undone = retracted != retracted_.end() && checkpoint.has_value() &&
                         !store::made_after(*checkpoint, retracted->second);
  const bool is_own = checkpoint && checkpoint->run == run_ && checkpoint->instance == id(step);
  bool allowed = false;
  if (checkpoint && !is_sound(*checkpoint, around_.artifacts, sound_)) {
    in_transaction();
    around_.ledger.forget_checkpoint(store::id_of(*checkpoint));
    discard_later(std::move(*checkpoint));
    found_damage_ = true;
    checkpoint.reset();
    one.why = "its checkpoint was damaged or its files have changed";
  } else if (!checkpoint) {
    one.why = "no checkpoint has its key";
  } else if (is_undone) {
    one.why = "it was rolled back";
  } else if (is_own) {
    allowed = true;  // an earlier session's work, whatever the options say of other runs' work
  } else if (!options_.use_cache) {
    one.why = "the cache is off";
  } else if (is_named(graph_[step], options_.force)) {
    one.why = "it was asked for with --force";
  } else if (!graph_[step].stage->cacheable) {
    one.why = "it runs each time";
  } else {
    allowed = true;
  }
  if (!allowed) {
    check_inputs(step);
    return;
  }
  one.phase = Phase::idle;
  instances_[step].state = State::cached;
  instances_[step].key = one.row.key;
  one.row.checkpoint = checkpoint->serial;
  tell("stage_cached", step,
       {{"uses", one.row.uses}, {"key", one.row.key}, {"seconds", checkpoint->seconds}});
  instances_[step].checkpoint = std::move(checkpoint);
  one.row.started = now();
  end(step);
}

// Reads all of the damaged artifacts, so beside the loop; the worker does it before it publishes them anew.
void Runner::discard_later(store::CheckpointRow checkpoint) {
  worker_.submit([this, checkpoint = std::move(checkpoint)]() -> Worker::Continuation {
    discard_unsound(checkpoint, around_.artifacts);
    return [] {};
  });
}

// What a stage reads is compared with its digests first, unless this process has hashed it itself: a flipped
// bit must not become a result.
void Runner::check_inputs(std::size_t step) {
  Work& one = work(step);
  std::vector<std::string> unread;
  for (const auto& [name, input] : one.binding.inputs) {
    if (!around_.artifacts.is_known_sound(input.digest)) unread.push_back(input.digest);
  }
  if (unread.empty()) {
    one.phase = Phase::waiting;
    waiting_.insert(step);
    return;
  }
  one.phase = Phase::checking;
  beside(step, [this, step, unread]() -> Worker::Continuation {
    for (const std::string& digest : unread) {
      const auto damage = around_.artifacts.verify_before_use(digest, unless_stopped(1));
      const auto lost =
          std::find_if(damage.begin(), damage.end(), [](const auto& each) { return !each.tree; });
      if (lost != damage.end()) return [this, step, digest, lost = *lost] { lose_input(step, digest, lost); };
      if (!damage.empty()) around_.artifacts.discard_tree(digest);
    }
    return [this, step] {
      work(step).phase = Phase::waiting;
      waiting_.insert(step);
    };
  });
}

// Its checkpoints are forgotten, so that the run's next session makes it anew.
void Runner::lose_input(std::size_t step, const std::string& digest, const store::Damage& damage) {
  in_transaction();
  for (const store::CheckpointId& id : store::checkpoints_with(around_.ledger, {digest})) {
    around_.ledger.forget_checkpoint(id);
  }
  found_damage_ = true;
  after_commit_.push_back([this, digest] {
    worker_.submit([this, digest]() -> Worker::Continuation {
      around_.artifacts.discard(digest);
      return [] {};
    });
  });
  std::string which;
  for (const auto& [name, input] : work(step).binding.inputs) {
    if (input.digest == digest) which = name + " (" + input.output + " of " + input.instance + ")";
  }
  fail(
      step, State::failed, std::string(base::to_string(base::ErrorCode::corrupt)),
      Error(base::ErrorCode::corrupt,
            "its input " + which + " is damaged in the store: object " + damage.digest + " " + damage.problem,
            "`presswork resume " + run_ + "` has it made anew; `presswork verify` looks for further damage"));
}

void Runner::admit() {
  if (stop_heeded_ > 0) return;
  if (!begun_) begun_ = !asks_ || all_asked();
  if (!begun_ || refused_) return;
  const auto moment = around_.clock.monotonic();
  for (auto at = waiting_.begin(); at != waiting_.end() && used_.cores < options_.limits.cores;) {
    const std::size_t step = *at++;  // only this one may leave the set below
    Work& one = work(step);
    if (one.not_before > moment) continue;
    if (in_work_.contains(one.row.key)) continue;  // the same work is being done for another stage
    if (made_.contains(one.row.key)) {             // or has been, since it was looked for
      waiting_.erase(step);
      look_up(step);
      if (!waiting_.contains(step)) continue;
    }
    if (!one.estimate && wants_estimate(graph_[step])) {
      if (used_.cores < options_.limits.cores) ask(step);
      continue;
    }
    one.share = share_of(step);
    if (!fits(one.share)) continue;
    waiting_.erase(step);
    paused_.erase(step);
    start_attempt(step);
  }
}

// Before anything is run, every stage whose turn has come by then is asked what it expects to need: one that
// can never fit is to be known while nothing has been done. True once all have answered.
bool Runner::all_asked() {
  for (auto at = waiting_.begin(); at != waiting_.end() && used_.cores < options_.limits.cores;) {
    const std::size_t step = *at++;  // which leaves the set
    const bool is_due = wants_estimate(graph_[step]) && !work(step).estimate;
    if (is_due && asked_.insert(work(step).row.key).second) {  // one speaks for all that do the same work
      ask(step);
    } else {
      waiting_.erase(step);
      held_.insert(step);
    }
  }
  if (!waiting_.empty() || used_.cores > 0 || worker_.busy()) return false;
  waiting_ = std::exchange(held_, {});
  return true;
}

Runner::Share Runner::share_of(std::size_t step) const {
  const workflow::Resources& wanted = stage(step).resources;
  const int usual = graph_[step].stage->parallel ? options_.limits.cores : 1;
  const auto work = works_.find(step);
  const Estimate estimate = work == works_.end() ? Estimate{} : work->second->estimate.value_or(Estimate{});
  return {std::clamp(wanted.cores.value_or(estimate.cores.value_or(usual)), 1, options_.limits.cores),
          wanted.memory.value_or(estimate.memory_bytes.value_or(0)), wanted.gpus, wanted.tokens};
}

// The stage's own plan(), in a child of its own; it takes a core meanwhile.
void Runner::ask(std::size_t step) {
  Work& one = work(step);
  waiting_.erase(step);
  one.phase = Phase::estimating;
  one.share = {1, 0, 0, {}};
  take(one.share, 1);
  one.attempt.id = executor::random_id();
  one.attempt.log = log_file(step, "plan");
  launches_.push_back(step);
}

void Runner::heed_estimate(std::size_t step, const executor::Outcome& outcome) {
  Work& one = work(step);
  take(one.share, -1);
  discard_attempt(step, false);
  one.phase = Phase::waiting;
  // A stage that cannot tell, or fails to, runs without an estimate.
  one.estimate = outcome.ending == executor::Ending::succeeded ? estimate_from(outcome.document) : Estimate{};
  if (const auto error = misfit("it", *one.estimate, options_.limits)) {
    fail(step, State::failed, std::string(base::to_string(error->code)), *error);
    refused_ = refused_ || (!begun_ && !is_tolerated(graph_[step], instances_[step]));
    return;
  }
  waiting_.insert(step);
}

bool Runner::fits(const Share& share) const {
  const Limits& limits = options_.limits;
  if (used_.cores + share.cores > limits.cores || used_.gpus + share.gpus > limits.gpus) return false;
  if (limits.memory > 0 && used_.memory + share.memory > limits.memory) return false;
  return std::all_of(share.tokens.begin(), share.tokens.end(), [&](const auto& token) {
    const auto used = used_.tokens.find(token.first);
    const auto there = limits.tokens.find(token.first);
    return (used == used_.tokens.end() ? 0 : used->second) + token.second <=
           (there == limits.tokens.end() ? 0 : there->second);
  });
}

void Runner::take(const Share& share, int sign) {
  used_.cores += sign * share.cores;
  used_.gpus += sign * share.gpus;
  used_.memory = sign > 0 ? used_.memory + share.memory : used_.memory - share.memory;
  for (const auto& [name, count] : share.tokens) used_.tokens[name] += sign * count;
}

}  // namespace presswork::engine
