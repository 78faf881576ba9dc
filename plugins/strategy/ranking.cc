#include "plugins/strategy/ranking.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace presswork::strategy {
namespace {

using modelkit::Message;

constexpr double kUsualLossPercent = 5;  // the border of the guide's grade "good"

void at_most(std::vector<Violation>& found, const char* name, const std::optional<double>& limit,
             double value) {
  if (limit && value > *limit) found.push_back({name, *limit, value, value / *limit - 1});
}

// What must divide the inputs of every linear: groups that share a scale, and those of a pattern. 0: nothing.
int group_of(const Step& step) { return step.method == "n_m" ? 4 : step.group_size; }

bool groups_fit(const Step& step, const Subject& subject) {
  const int group = group_of(step);
  return group == 0 || std::all_of(subject.widths.begin(), subject.widths.end(),
                                   [&](std::int64_t width) { return width % group == 0; });
}

// Sixteen bits are no work for a model that has no more.
bool keeps_weights(const Step& step, const Subject& subject) {
  return step.target_precision == "fp16" && modelkit::bytes_per_parameter(subject.guide.precision) <= 2;
}

// Why the workflow cannot take the step; empty: it can.
Message obstacle_of(const Step& step, const Subject& subject, const std::set<std::string>& methods) {
  if (step.type == "optimization") return {};
  const std::string method = keeps_weights(step, subject) ? "keep" : step.method;
  if (!methods.contains(method))
    return Message("the workflow does not carry out {0}", {Message::verbatim(method)});
  if (groups_fit(step, subject)) return {};
  return Message("groups of {0} do not divide the widths of the model", {Message::number(group_of(step))});
}

Message obstacle_of(const Candidate& candidate, const Subject& subject,
                    const std::set<std::string>& methods) {
  for (const Step& step : candidate.steps) {
    const Message obstacle = obstacle_of(step, subject, methods);
    if (!obstacle.empty()) return obstacle;
  }
  return {};
}

// Whether `a` is at least as good in everything and better in something.
bool dominates(const Prediction& a, const Prediction& b) {
  const bool no_worse =
      a.loss_percent <= b.loss_percent && a.memory_gb <= b.memory_gb && a.speedup >= b.speedup;
  return no_worse && (a.loss_percent < b.loss_percent || a.memory_gb < b.memory_gb || a.speedup > b.speedup);
}

void mark_pareto(std::vector<Assessed>& all) {
  for (Assessed& one : all) {
    one.pareto = std::none_of(all.begin(), all.end(), [&](const Assessed& other) {
      return dominates(other.prediction, one.prediction);
    });
  }
}

auto order_of(const Assessed& a) {
  return std::make_tuple(!a.executable, !a.feasible(), a.excess(), a.score, a.candidate.steps.size(),
                         a.candidate.id);
}

}  // namespace

double Assessed::excess() const {
  return std::accumulate(violations.begin(), violations.end(), 0.0,
                         [](double sum, const Violation& violation) { return sum + violation.excess; });
}

bool changes_nothing(const Candidate& candidate, const Subject& subject) {
  return std::all_of(candidate.steps.begin(), candidate.steps.end(), [&](const Step& step) {
    return step.type == "optimization" || keeps_weights(step, subject);
  });
}

std::vector<Violation> violations_of(const Prediction& prediction, const Limits& limits) {
  std::vector<Violation> found;
  at_most(found, "memory_gb", limits.memory_gb, prediction.memory_gb);
  at_most(found, "size_gb", limits.size_gb, prediction.bytes / modelkit::kGigabyte);
  at_most(found, "max_loss_percent", limits.max_loss_percent, prediction.loss_percent);
  at_most(found, "cost_usd", limits.cost_usd, prediction.cost_usd);
  const auto needed = limits.needed_tokens_per_s();
  if (needed && prediction.tokens_per_s && *prediction.tokens_per_s < *needed) {
    found.push_back(
        {"tokens_per_s", *needed, *prediction.tokens_per_s, *needed / *prediction.tokens_per_s - 1});
  }
  return found;
}

double score(const Prediction& prediction, const Subject& subject, const Limits& limits,
             const Weights& weights) {
  return weights.accuracy * prediction.loss_percent / limits.max_loss_percent.value_or(kUsualLossPercent) +
         weights.memory * prediction.memory_gb / limits.memory_gb.value_or(subject.memory_gb()) +
         weights.speed / prediction.speedup;
}

std::vector<Assessed> ranked(const Subject& subject, const Limits& limits, const modelkit::GpuCatalogue& gpus,
                             const Options& options) {
  std::vector<Assessed> all;
  for (Candidate& candidate : candidates()) {
    Assessed one;
    one.prediction = predict(candidate, subject, limits, gpus, options.correction);
    one.violations = violations_of(one.prediction, limits);
    one.score = score(one.prediction, subject, limits, options.weights);
    one.obstacle = obstacle_of(candidate, subject, options.methods);
    one.executable = one.obstacle.empty();
    one.candidate = std::move(candidate);
    all.push_back(std::move(one));
  }
  mark_pareto(all);
  std::sort(all.begin(), all.end(),
            [](const Assessed& a, const Assessed& b) { return order_of(a) < order_of(b); });
  return all;
}

}  // namespace presswork::strategy
