#include "plugins/modelkit/quantize/input_statistics.h"

#include <algorithm>

namespace presswork::modelkit {

std::vector<InputGroup> target_groups(const CalibrationLayer& layer, const std::set<std::string>& targets) {
  std::vector<InputGroup> groups = input_groups(layer.model().config(), layer.index());
  std::erase_if(groups, [&](const InputGroup& group) {
    return std::none_of(group.modules.begin(), group.modules.end(), [&](const std::string& module) {
      return targets.contains(layer.whole_name(module));
    });
  });
  return groups;
}

std::uint64_t gram_budget(std::uint64_t layer_bytes) { return std::max(layer_bytes, kSmallGrams); }

std::uint64_t gram_bytes(const std::vector<InputGroup>& groups) {
  std::uint64_t bytes = 0;
  for (const InputGroup& group : groups)
    bytes += static_cast<std::uint64_t>(group.inputs * group.inputs) * sizeof(double);
  return bytes;
}

std::vector<std::vector<InputGroup>> one_by_one(const std::vector<InputGroup>& groups) {
  std::vector<std::vector<InputGroup>> passes;
  for (const InputGroup& group : groups) passes.push_back({group});
  return passes;
}

std::vector<std::vector<InputGroup>> within_budget(const std::vector<InputGroup>& groups,
                                                   std::uint64_t bytes) {
  std::vector<std::vector<InputGroup>> passes;
  std::uint64_t used = 0;
  for (const InputGroup& group : groups) {
    const std::uint64_t needed = gram_bytes({group});
    if (passes.empty() || used + needed > bytes) {
      passes.emplace_back();
      used = 0;
    }
    used += needed;
    passes.back().push_back(group);
  }
  return passes;
}

std::map<std::string, Gram> observe_grams(CalibrationLayer& layer, const std::vector<InputGroup>& groups,
                                          ThreadPool& threads) {
  std::map<std::string, Gram> grams;
  for (const InputGroup& group : groups)
    grams.emplace(group.modules.front(), Gram(static_cast<std::size_t>(group.inputs)));
  std::vector<float> values;
  layer.observe([&](std::span<const std::string_view> modules, const Matrix& input) {
    const auto found = grams.find(std::string(modules.front()));
    if (found == grams.end()) return;
    values.resize(input.rows * input.cols);
    layer.compute().read(input, values);
    const PhaseTimes::Scope timed(layer.times(), "products");
    found->second.add(values.data(), input.rows, threads);
  });
  return grams;
}

}  // namespace presswork::modelkit
