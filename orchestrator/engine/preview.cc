#include <map>

#include "orchestrator/base/error.h"
#include "orchestrator/engine/binding.h"
#include "orchestrator/engine/instance.h"
#include "orchestrator/engine/plan.h"

namespace presswork::engine {

namespace {

// Nodes that would run stay pending in `instances`, so that what needs them is judged to wait.
Preview preview_stage(const Plan& plan, std::size_t node, Instances& instances, store::Ledger& ledger,
                      store::ArtifactStore& artifacts) {
  Preview preview{plan.workflow.nodes[node].id, plan.workflow.nodes[node].stage()->uses, "run", "", "", 0};
  if (plan.stages[node]->reads_run) {
    preview.why = "reads the run, which is not known before it";
    preview.action = "unknown";
    return preview;
  }
  Binding binding = bind_stage(plan, node, instances);
  write_down(binding, plan, instances, artifacts, ledger, false);
  preview.key = key_of(binding, plan, node, "", nullptr);
  const auto checkpoint = ledger.checkpoint(preview.key);
  if (!plan.stages[node]->cacheable) {
    preview.why = "runs each time";
  } else if (!checkpoint) {
    preview.why = "no checkpoint has this key";
  } else if (!is_sound(*checkpoint, artifacts)) {
    preview.why = "the checkpoint is damaged";
  } else {
    preview.action = "cached";
    preview.why = "made by run " + checkpoint->run;
    preview.seconds = checkpoint->seconds;
    instances[node].state = State::cached;
    instances[node].checkpoint = checkpoint;
  }
  return preview;
}

}  // namespace

std::vector<Preview> preview(const Plan& plan, store::Ledger& ledger, store::ArtifactStore& artifacts) {
  Instances instances(plan.workflow.nodes.size());
  std::vector<Preview> previews;
  for (std::size_t i : plan.order) {
    const workflow::Node& node = plan.workflow.nodes[i];
    const Judgement judgement = judge(plan, i, instances);
    Preview preview{node.id, node.stage() == nullptr ? "" : node.stage()->uses, "", "", judgement.cause, 0};
    if (judgement.verdict == Judgement::Verdict::wait) {
      preview.action = "unknown";
      preview.why = "waits for " + judgement.cause;
    } else if (judgement.verdict == Judgement::Verdict::skip) {
      preview.action = "skip";
      instances[i].state = State::skipped;
    } else if (node.decision() != nullptr) {
      const Decided decided = decide(*node.decision(), values_of(plan, instances));
      preview.action = "decide";
      preview.why = "chooses " + decided.branch;
      instances[i].branch = decided.branch;
      instances[i].state = State::succeeded;
    } else {
      preview = preview_stage(plan, i, instances, ledger, artifacts);
    }
    previews.push_back(std::move(preview));
  }
  return previews;
}

}  // namespace presswork::engine
