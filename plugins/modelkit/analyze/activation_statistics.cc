#include "plugins/modelkit/analyze/activation_statistics.h"

#include <algorithm>
#include <cmath>

#include "plugins/modelkit/analyze/weight_statistics.h"

namespace presswork::modelkit {
namespace {

struct Sums {
  std::int64_t tokens = 0;
  double largest = 0, second = 0, fourth = 0;
  std::vector<double> channels;  // sums of squares

  void add(const std::vector<float>& values, std::size_t width) {
    channels.resize(width);
    tokens += static_cast<std::int64_t>(values.size() / width);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double square = static_cast<double>(values[i]) * values[i];
      largest = std::max(largest, std::fabs(static_cast<double>(values[i])));
      second += square;
      fourth += square * square;
      channels[i % width] += square;
    }
  }

  ActivationStatistics statistics() const {
    const double count = static_cast<double>(tokens) * static_cast<double>(channels.size());
    std::vector<double> sizes;
    for (const double channel : channels) sizes.push_back(std::sqrt(channel / static_cast<double>(tokens)));
    return {.tokens = tokens,
            .largest = largest,
            .root_mean_square = std::sqrt(second / count),
            .kurtosis = second == 0 ? 0 : fourth / count / (second / count * (second / count)),
            .outlier_channels = outliers_of(sizes, ActivationStatistics::kOutlier)};
  }
};

}  // namespace

std::map<std::string, ActivationStatistics> activation_statistics(Transformer& model,
                                                                  const TokenWindows& windows,
                                                                  const StateLimit& limit,
                                                                  const StepObserver& step) {
  const std::size_t tokens = windows.length();
  HiddenStates states = embed_windows(model, windows, limit);
  std::map<std::string, ActivationStatistics> found;
  for (std::int64_t i = 0; i < model.layers(); ++i) {
    std::map<std::string, Sums> sums;
    DecoderLayer layer = model.layer(i);
    states.each([&](const Matrix& block, std::size_t, std::size_t) {
      layer.forward(block, tokens, model.rope(),
                    [&](std::span<const std::string_view> modules, const Matrix& input) {
                      std::vector<float> values(input.rows * input.cols);
                      model.compute().read(input, values);
                      for (const std::string_view module : modules)
                        sums[std::string(module)].add(values, input.cols);
                    });
    });
    const std::string prefix = layer_prefix(model.config(), i) + ".";
    for (const auto& [module, sum] : sums) found[prefix + module] = sum.statistics();
    if (step) step(static_cast<double>(i + 1) / static_cast<double>(model.layers()));
  }
  return found;
}

}  // namespace presswork::modelkit
