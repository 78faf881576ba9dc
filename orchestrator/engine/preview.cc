// What a run would do, as far as it is known before it: the run's own steps, with nothing started.
#include <map>
#include <unordered_map>

#include "orchestrator/base/error.h"
#include "orchestrator/engine/binding.h"
#include "orchestrator/engine/choice.h"
#include "orchestrator/engine/instance.h"
#include "orchestrator/engine/key_changes.h"
#include "orchestrator/engine/loop_state.h"
#include "orchestrator/engine/plan.h"

namespace presswork::engine {

namespace {

// One state of the ledger for as long as it lives.
class Reading {
 public:
  explicit Reading(store::Ledger& ledger) : ledger_(ledger) { ledger_.begin_reading(); }
  ~Reading() {
    try {
      ledger_.commit();
    } catch (const base::Error&) {
      // nothing was to be written
    }
  }
  Reading(const Reading&) = delete;

 private:
  store::Ledger& ledger_;
};

class Previewer {
 public:
  Previewer(const Plan& plan, store::Ledger& ledger, store::ArtifactStore& artifacts,
            const PreviewOptions& options)
      : plan_(plan),
        ledger_(ledger),
        artifacts_(artifacts),
        options_(options),
        graph_(plan.graph),
        instances_(graph_.size()) {}

  std::vector<Preview> all() {
    Reading reading(ledger_);
    find_last_run();
    look_at(0);
    return std::move(previews_);
  }

 private:
  // Steps that would run stay pending, so that what needs them is judged to wait.
  void look_at(std::uint32_t scope) {
    for (std::uint32_t i = 0; i < graph_.scope(scope).count; ++i) look_at_step(graph_.scope(scope).first + i);
  }

  void look_at_step(std::size_t step) {
    const workflow::Node& node = *graph_[step].node;
    const Judgement judgement = judge(standing(), step);
    Preview preview;
    preview.id = graph_[step].id;
    preview.uses = node.stage() == nullptr ? "" : node.stage()->uses;
    preview.kind = kind_of(node);
    if (judgement.verdict == Judgement::Verdict::wait) {
      preview.action = "unknown";
      preview.why = "waits for " + judgement.cause;
    } else if (judgement.verdict == Judgement::Verdict::skip) {
      preview.action = "skip";
      preview.why = judgement.cause;
      instances_[step].state = State::skipped;
    } else if (node.decision() != nullptr) {
      const Decided decided = decide(*node.decision(), values_of(standing(), graph_.place_of(step)));
      preview.action = "decide";
      preview.why = "chooses " + decided.branch;
      instances_[step].branch = decided.branch;
      instances_[step].state = State::succeeded;
    } else if (node.select() != nullptr) {
      look_at_selection(step, preview);
    } else if (node.loop() != nullptr) {
      look_at_loop(step, std::move(preview));
      return;
    } else {
      look_at_stage(step, preview);
    }
    previews_.push_back(std::move(preview));
  }

  void look_at_stage(std::size_t step, Preview& preview) {
    preview.action = "run";
    const plugins::StageDescription& stage = *graph_[step].stage;
    if (stage.reads_run) {
      preview.why = "reads the run, which is not known before it";
      preview.action = "unknown";
      return;
    }
    Binding binding = bind_stage(standing(), step);
    write_down(binding, artifacts_, ledger_, false);
    const KeyParts parts = key_parts(binding, graph_[step], "", nullptr);
    preview.key = parts.key();
    auto checkpoint = ledger_.checkpoint(preview.key);
    if (!stage.cacheable) {
      preview.why = "runs each time";
    } else if (!checkpoint) {
      preview.why = "no checkpoint has this key";
    } else if (!is_sound(*checkpoint, artifacts_, sound_)) {
      preview.why = "the checkpoint is damaged";
    } else {
      preview.action = "cached";
      preview.why = "made by run " + checkpoint->run;
      preview.seconds = checkpoint->seconds;
      instances_[step].state = State::cached;
      instances_[step].key = preview.key;
      instances_[step].checkpoint = std::move(checkpoint);
    }
    if (preview.action == "run") foresee(step, binding, parts, preview);
  }

  void find_last_run() {
    for (const store::RunRow& run : ledger_.runs()) {  // the latest first
      if (run.workflow != plan_.workflow.name) continue;
      last_run_ = run.id;
      for (const store::InstanceBrief& brief : ledger_.instance_briefs(run.id)) {
        if (!brief.key.empty()) last_keys_.emplace(brief.id, brief.key);
      }
      return;
    }
  }

  void foresee(std::size_t step, const Binding& binding, const KeyParts& parts, Preview& preview) {
    const auto last = last_keys_.find(preview.id);
    if (options_.explain && last != last_keys_.end()) {
      if (const auto row = ledger_.instance(last_run_, preview.id))
        preview.changed = key_changes(*row, parts);
    }
    if (options_.ask && graph_[step].stage->estimates) {
      ask(step, binding, preview);
    }
    if (last != last_keys_.end()) recall(last->second, preview);
  }

  void ask(std::size_t step, const Binding& binding, Preview& preview) {
    const auto [place, fresh] = asked_.try_emplace(graph_[step].node);
    if (fresh) {
      place->second = options_.ask(graph_[step], binding.with, input_files(binding, artifacts_));
      if (!graph_[step].node->may_fail() && wants_estimate(graph_[step]))
        preview.misfit = misfit("stage " + preview.id, place->second, options_.limits);
    }
    preview.estimate = place->second;
    preview.estimate_by = "the stage itself";
  }

  // What it took the last time; the stage's own word goes before it.
  void recall(const std::string& key, Preview& preview) {
    const auto checkpoint = ledger_.checkpoint(key);
    if (!checkpoint) return;
    Estimate& estimate = preview.estimate;
    if (preview.estimate_by.empty()) preview.estimate_by = "run " + checkpoint->run;
    if (!estimate.seconds) estimate.seconds = checkpoint->seconds;
    if (!estimate.memory_bytes) estimate.memory_bytes = checkpoint->peak_memory_bytes;
    if (estimate.disk_bytes) return;
    std::uint64_t bytes = 0;
    for (const auto& [name, output] : checkpoint->outputs) {
      if (!artifacts_.contains(output.digest)) return;
      bytes += artifacts_.manifest(output.digest).bytes();
    }
    estimate.disk_bytes = bytes;
  }

  void look_at_selection(std::size_t step, Preview& preview) {
    Selected selected = select(standing(), step);
    preview.action = "select";
    preview.why = "picks " + selected.chosen;
    instances_[step].outputs = std::move(selected.outputs);
    instances_[step].values = std::move(selected.values);
    instances_[step].state = State::succeeded;
  }

  // Follows the loop as long as all of its iterations are in the cache.
  void look_at_loop(std::size_t step, Preview preview) {
    const workflow::Loop& loop = *graph_[step].node->loop();
    const int max = most_iterations(loop, values_of(standing(), graph_.place_of(step)));
    preview.action = "loop";
    preview.why = "at most " + std::to_string(max) + " iterations";
    preview.is_open = true;
    const std::size_t place = previews_.size();
    previews_.push_back(std::move(preview));
    LoopState state = initial_state(standing(), step);
    std::vector<std::uint32_t> iterations;
    for (;;) {
      const int number = static_cast<int>(iterations.size()) + 1;
      iterations.push_back(
          graph_.add_iteration(static_cast<std::uint32_t>(step), number, state.values, state.artifacts));
      const std::uint32_t scope = iterations.back();
      instances_.resize(graph_.size());
      look_at(scope);
      for (std::uint32_t i = 0; i < graph_.scope(scope).count; ++i) {
        if (!has_ended(instances_[graph_.scope(scope).first + i].state)) return;
      }
      const LoopDecided decided = decide(loop, values_of(standing(), graph_.place_in(scope)));
      const bool exhausted = decided.way == "continue" && number >= max;
      if (decided.way == "continue" && !exhausted) {
        state = next_state(standing(), scope, decided.chosen);
        continue;
      }
      previews_[place].is_open = false;
      previews_[place].why = exhausted ? "is exhausted after " + std::to_string(number) + " iterations"
                                       : "would " + decided.way + " in iteration " + std::to_string(number);
      if (decided.way == "fail" || (exhausted && loop.on_exhausted == workflow::Loop::Exhausted::fail)) {
        instances_[step].state = State::failed;
        return;
      }
      const std::uint32_t result = exhausted && loop.on_exhausted == workflow::Loop::Exhausted::best
                                       ? best_iteration(standing(), loop, iterations)
                                       : scope;
      base::Json metrics = {{"outcome", exhausted ? "exhausted" : "break"},
                            {"iteration", graph_.scope(result).iteration},
                            {"iterations", number}};
      instances_[step].outputs = bind_exports(standing(), graph_.place_in(result), loop.exports, metrics);
      instances_[step].values = {{"metrics", metrics}, {"state", graph_.scope(result).state}};
      instances_[step].state = State::succeeded;
      return;
    }
  }

  Standing standing() const { return {plan_, graph_, instances_}; }

  const Plan& plan_;
  store::Ledger& ledger_;
  store::ArtifactStore& artifacts_;
  const PreviewOptions& options_;
  std::string last_run_;  // of the same workflow
  std::unordered_map<std::string, std::string> last_keys_;
  std::map<const workflow::Node*, Estimate> asked_;
  Graph graph_;
  Instances instances_;
  SoundArtifacts sound_;
  std::vector<Preview> previews_;
};

}  // namespace

std::vector<Preview> preview(const Plan& plan, store::Ledger& ledger, store::ArtifactStore& artifacts,
                             const PreviewOptions& options) {
  return Previewer(plan, ledger, artifacts, options).all();
}

}  // namespace presswork::engine
