#include "plugins/modelkit/quantize/input_samples.h"

#include <algorithm>

namespace presswork::modelkit {
namespace {

void add_row(InputSample& sample, const float* row, bool take) {
  const std::size_t count = sample.inputs();
  for (std::size_t i = 0; i < count; ++i) {
    sample.low[i] = std::min(sample.low[i], row[i]);
    sample.high[i] = std::max(sample.high[i], row[i]);
  }
  if (take) sample.rows.insert(sample.rows.end(), row, row + count);
  ++sample.tokens;
}

}  // namespace

std::map<std::string, InputSample> sample_inputs(CalibrationLayer& layer,
                                                 const std::vector<InputGroup>& groups, std::size_t most) {
  std::map<std::string, InputSample> samples;
  for (const InputGroup& group : groups) {
    const std::vector<float> zeros(static_cast<std::size_t>(group.inputs), 0.0F);
    samples[group.modules.front()] = {.tokens = 0, .low = zeros, .high = zeros, .rows = {}};
  }
  const std::size_t stride = std::max<std::size_t>(1, (layer.tokens() + most - 1) / most);
  std::vector<float> values;
  layer.observe([&](std::span<const std::string_view> modules, const Matrix& input) {
    const auto found = samples.find(std::string(modules.front()));
    if (found == samples.end()) return;
    values.resize(input.rows * input.cols);
    layer.compute().read(input, values);
    for (std::size_t r = 0; r < input.rows; ++r)
      add_row(found->second, values.data() + r * input.cols, found->second.tokens % stride == 0);
  });
  return samples;
}

}  // namespace presswork::modelkit
