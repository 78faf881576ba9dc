#include "plugins/modelkit/model/routing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace presswork::modelkit {
namespace {

std::size_t size(std::int64_t value) { return static_cast<std::size_t>(value); }

void score(std::span<const float> logits, bool sigmoid, std::vector<double>& scores) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (std::size_t e = 0; e < logits.size(); ++e) {
    scores[e] = sigmoid ? 1.0 / (1.0 + std::exp(-static_cast<double>(logits[e])))
                        : std::exp(static_cast<double>(logits[e]) - largest);
    sum += scores[e];
  }
  if (sigmoid) return;
  for (double& value : scores) value /= sum;
}

// The `count` largest of `values`, by index; equal ones in the order of their indices.
std::vector<std::size_t> best(const std::vector<double>& values, std::size_t count) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](std::size_t a, std::size_t b) {
                      return values[a] > values[b] || (values[a] == values[b] && a < b);
                    });
  order.resize(count);
  return order;
}

// Hides the experts outside the best groups.
void keep_best_groups(std::vector<double>& choice, const Experts& experts) {
  const std::size_t width = choice.size() / size(experts.groups);
  std::vector<double> worth(size(experts.groups));
  for (std::size_t g = 0; g < worth.size(); ++g) {
    const std::vector<double> group(choice.begin() + static_cast<std::ptrdiff_t>(g * width),
                                    choice.begin() + static_cast<std::ptrdiff_t>((g + 1) * width));
    for (const std::size_t e : best(group, std::min<std::size_t>(2, width))) worth[g] += group[e];
  }
  std::vector<bool> kept(worth.size(), false);
  for (const std::size_t g : best(worth, size(experts.chosen_groups))) kept[g] = true;
  for (std::size_t e = 0; e < choice.size(); ++e) {
    if (!kept[e / width]) choice[e] = std::numeric_limits<double>::lowest();
  }
}

}  // namespace

std::vector<ExpertLoad> route(std::span<const float> logits, const Experts& experts,
                              std::span<const float> bias) {
  const std::size_t count = size(experts.count);
  std::vector<ExpertLoad> loads(count);
  std::vector<double> scores(count);
  for (std::size_t row = 0; row * count < logits.size(); ++row) {
    score(logits.subspan(row * count, count), experts.sigmoid, scores);
    std::vector<double> choice = scores;
    for (std::size_t e = 0; e < bias.size(); ++e) choice[e] += bias[e];
    if (experts.groups > 1) keep_best_groups(choice, experts);
    const auto chosen = best(choice, size(experts.chosen));
    double sum = 0.0;
    for (const std::size_t e : chosen) sum += scores[e];
    const double factor = experts.normalized ? experts.scale / std::max(sum, 1e-20) : experts.scale;
    for (const std::size_t e : chosen) {
      loads[e].rows.push_back(row);
      loads[e].weights.push_back(static_cast<float>(scores[e] * factor));
    }
  }
  return loads;
}

}  // namespace presswork::modelkit
