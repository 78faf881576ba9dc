#include "plugins/strategy/adjust.h"

#include <algorithm>

namespace presswork {

using namespace strategy;

using modelkit::Message;

namespace {

// What the measurements miss, and in which direction the next candidate has to go.
struct Misses {
  bool loss = false, memory = false, speed = false;
  Message what;  // in words; never empty
};

std::vector<Message> values(double measured, double limit, const char* unit) {
  return {Message::number(measured, unit), Message::number(limit, unit)};
}

Misses misses_of(const Attempt& attempt, const Limits& limits) {
  Misses misses;
  if (attempt.loss_percent && limits.max_loss_percent && *attempt.loss_percent > *limits.max_loss_percent) {
    misses.loss = true;
    misses.what = Message("the accuracy loss was {0} where {1} is allowed",
                          values(*attempt.loss_percent, *limits.max_loss_percent, " %"));
  }
  if (attempt.memory_gb && limits.memory_gb && *attempt.memory_gb > *limits.memory_gb) {
    misses.memory = true;
    misses.what = joined(misses.what, Message("the memory was {0} where {1} is allowed",
                                              values(*attempt.memory_gb, *limits.memory_gb, " GiB")));
  }
  const auto needed = limits.needed_tokens_per_s();
  if (attempt.tokens_per_s && needed && *attempt.tokens_per_s < *needed) {
    misses.speed = true;
    misses.what = joined(misses.what, Message("the speed was {0} where {1} is wanted",
                                              values(*attempt.tokens_per_s, *needed, " tokens/s")));
  }
  if (misses.what.empty()) misses.what = Message("the deployment test failed");
  return misses;
}

// Predictions differ from measurements by a factor that the next candidates are taken to share.
void correct(Correction& correction, const Attempt& attempt) {
  const auto by = [](double& factor, const std::optional<double>& measured, double predicted) {
    constexpr double kMost = 1000;
    if (measured && *measured > 0 && predicted > 0)
      factor = std::clamp(factor * *measured / predicted, 1 / kMost, kMost);
  };
  by(correction.loss, attempt.loss_percent, attempt.predicted.loss_percent);
  by(correction.memory, attempt.memory_gb, attempt.predicted.memory_gb);
  if (attempt.predicted.tokens_per_s)
    by(correction.speed, attempt.tokens_per_s, *attempt.predicted.tokens_per_s);
}

bool goes_right_way(const Prediction& next, const Prediction& failed, const Misses& misses) {
  return (!misses.loss || next.loss_percent < failed.loss_percent) &&
         (!misses.memory || next.memory_gb < failed.memory_gb) &&
         (!misses.speed || next.speedup > failed.speedup);
}

const Assessed* find(const std::vector<Assessed>& all, const std::string& id) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Assessed& a) { return a.candidate.id == id; });
  return found == all.end() ? nullptr : &*found;
}

bool was_tried(const Strategy& strategy, const std::string& id) {
  return std::any_of(strategy.tried.begin(), strategy.tried.end(),
                     [&](const Attempt& a) { return a.id == id; });
}

// The best-ranked untried candidate that the workflow can carry out; with `failed` only such as go the way
// that `misses` ask for. null: none.
const Assessed* next_of(const std::vector<Assessed>& all, const Strategy& strategy, const Assessed* failed,
                        const Misses& misses) {
  for (const Assessed& one : all) {
    if (!one.executable || was_tried(strategy, one.candidate.id)) continue;
    if (failed == nullptr || goes_right_way(one.prediction, failed->prediction, misses)) return &one;
  }
  return nullptr;
}

}  // namespace

Strategy adjusted(Strategy strategy, Attempt attempt) {
  const auto gpus = modelkit::GpuCatalogue::load(strategy.catalogue);
  const auto before = ranked(strategy.subject, strategy.limits, gpus, strategy.options);
  const Assessed* carried_out = find(before, attempt.id);
  if (carried_out == nullptr) {
    throw Error("invalid_input", "the strategy recommends \"" + attempt.id + "\", which is no candidate",
                "strategy", "plan again with this version");
  }
  attempt.predicted = carried_out->prediction;
  const Misses misses = misses_of(attempt, strategy.limits);
  correct(strategy.options.correction, attempt);
  strategy.tried.push_back(std::move(attempt));
  const auto after = ranked(strategy.subject, strategy.limits, gpus, strategy.options);
  const Assessed* failed = find(after, strategy.choice);
  const Assessed* next = next_of(after, strategy, failed, misses);
  const bool against = next == nullptr;
  if (against) next = next_of(after, strategy, nullptr, misses);
  const Message choice = Message::verbatim(strategy.choice);
  if (next == nullptr) {
    strategy.exhausted = true;
    strategy.why = Message("{0} failed ({1}) and every other candidate was tried", {choice, misses.what});
    return strategy;
  }
  strategy.why =
      against
          ? Message(
                "{0} failed ({1}); no untried candidate is predicted to be better in that: the best ranked "
                "is "
                "taken",
                {choice, misses.what})
          : Message(
                "{0} failed ({1}); this is the best ranked of the untried that are predicted to be better in "
                "that",
                {choice, misses.what});
  strategy.choice = next->candidate.id;
  return strategy;
}

Strategy begun(Strategy strategy, const Attempt& attempt) {
  const auto all = candidates();
  const auto planned =
      std::find_if(all.begin(), all.end(), [&](const Candidate& c) { return c.id == strategy.choice; });
  // Leaving the model as it is was just tried.
  if (planned != all.end() && changes_nothing(*planned, strategy.subject))
    return adjusted(std::move(strategy), attempt);
  strategy.why = Message("the model as it is failed ({0}); {1} was planned and is tried first",
                         {misses_of(attempt, strategy.limits).what, Message::verbatim(strategy.choice)});
  return strategy;
}

Json AdjustStrategy::describe() {
  Json description = Json::parse(R"json({
    "title": "Adjust a strategy that failed",
    "description": "Takes a strategy and what was measured of the model that came of it, corrects the predictions by the measurements, and recommends the next candidate: never one that was tried. The new strategy remembers all attempts and says why.",
    "parameters": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "carried_out": {"type": "boolean", "default": true, "description": "Whether the model came of the strategy; false: it was tested as it is, and the strategy is still to be tried."},
        "loss_percent": {"type": ["number", "null"], "default": null, "description": "Measured rise of the perplexity; null: not measured."},
        "memory_gb": {"type": ["number", "null"], "default": null, "description": "Memory of inference, measured or by formula from the measured weights, in GiB."},
        "tokens_per_s": {"type": ["number", "null"], "default": null, "description": "Measured speed."}
      }
    },
    "inputs": {"strategy": {"type": "strategy", "required": true, "description": "Of strategy/plan, or of this stage before."}},
    "outputs": {"strategy": {"type": "strategy", "description": "The next strategy."}},
    "cacheable": true,
    "reads_run": false
  })json");
  description["metrics"] = describe_metrics();
  return description;
}

void AdjustStrategy::run(const Context& context) {
  const auto number = [&](const char* name) -> std::optional<double> {
    const Json& value = context.parameters().at(name);
    return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
  };
  Strategy strategy = read_strategy(context.input("strategy"));
  const Attempt attempt{
      strategy.choice, number("loss_percent"), number("memory_gb"), number("tokens_per_s"), {}};
  publish(context, context.parameter<bool>("carried_out") ? adjusted(std::move(strategy), attempt)
                                                          : begun(std::move(strategy), attempt));
}

}  // namespace presswork
