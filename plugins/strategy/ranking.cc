#include "plugins/strategy/ranking.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace presswork::strategy {
namespace {

constexpr double kUsualLossPercent = 5;  // the border of the guide's grade "good"

void at_most(std::vector<Violation>& found, const char* name, const std::optional<double>& limit,
             double value) {
  if (limit && value > *limit) found.push_back({name, *limit, value, value / *limit - 1});
}

// Groups must divide the inputs of every linear.
bool groups_fit(const Step& step, const Subject& subject) {
  return step.group_size == 0 ||
         std::all_of(subject.widths.begin(), subject.widths.end(),
                     [&](std::int64_t width) { return width % step.group_size == 0; });
}

bool can_take(const Candidate& candidate, const Subject& subject, const std::set<std::string>& methods) {
  return std::all_of(candidate.steps.begin(), candidate.steps.end(), [&](const Step& step) {
    if (step.type == "optimization") return true;
    if (methods.count(step.method) == 0 || !groups_fit(step, subject)) return false;
    // Sixteen bits are no work for a model that has no more, and nothing is there to do that for others.
    return step.target_precision != "fp16" || modelkit::bytes_per_parameter(subject.guide.precision) <= 2;
  });
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
    one.executable = can_take(candidate, subject, options.methods);
    one.candidate = std::move(candidate);
    all.push_back(std::move(one));
  }
  mark_pareto(all);
  std::sort(all.begin(), all.end(),
            [](const Assessed& a, const Assessed& b) { return order_of(a) < order_of(b); });
  return all;
}

}  // namespace presswork::strategy
