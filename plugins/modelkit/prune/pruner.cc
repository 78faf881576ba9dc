#include "plugins/modelkit/prune/pruner.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

// Positions of the `count` smallest of `importance`, the further left first among equals.
void mark_smallest(std::span<const float> importance, std::size_t count, std::span<std::uint8_t> removed,
                   std::vector<std::int32_t>& order) {
  if (count == 0) return;
  order.resize(importance.size());
  std::iota(order.begin(), order.end(), 0);
  const auto less = [&](std::int32_t a, std::int32_t b) {
    const float x = importance[static_cast<std::size_t>(a)], y = importance[static_cast<std::size_t>(b)];
    return x != y ? x < y : a < b;
  };
  std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count) - 1, order.end(), less);
  for (std::size_t i = 0; i < count; ++i) removed[static_cast<std::size_t>(order[i])] = 1;
}

void mark_row(std::span<const float> importance, const SparsityPattern& pattern,
              std::span<std::uint8_t> removed, std::vector<std::int32_t>& order) {
  if (pattern.group == 0) {
    const auto count = static_cast<std::size_t>(pattern.sparsity * static_cast<double>(importance.size()));
    mark_smallest(importance, count, removed, order);
    return;
  }
  const auto group = static_cast<std::size_t>(pattern.group);
  for (std::size_t first = 0; first < importance.size(); first += group) {
    mark_smallest(importance.subspan(first, group), static_cast<std::size_t>(pattern.group - pattern.kept),
                  removed.subspan(first, group), order);
  }
}

// The weight's own values, to be overwritten.
LinearWeight owned_copy(const LinearWeight& weight, const std::string& module) {
  LinearWeight copy = weight;
  if (auto* dense = std::get_if<DenseWeight>(&copy.form)) {
    dense->owned.assign(dense->bytes.begin(), dense->bytes.end());
    dense->bytes = dense->owned;
  } else if (copy.grouped_int() == nullptr) {
    throw Error("unsupported", "weights in this form cannot be pruned", module,
                "prune the model before it is quantized, or quantize to integers");
  }
  return copy;
}

void clear(LinearWeight& weight, std::int64_t row, std::int64_t column) {
  const auto at = static_cast<std::size_t>(row * weight.in + column);
  if (auto* dense = std::get_if<DenseWeight>(&weight.form)) {
    const std::size_t width = size_of(dense->dtype);
    std::fill_n(dense->owned.begin() + static_cast<std::ptrdiff_t>(at * width), width, std::byte{0});
    return;
  }
  auto& ints = std::get<GroupedIntWeight>(weight.form);
  std::int8_t zero = 0;
  if (!ints.zeros.empty()) {
    const std::int64_t groups = weight.groups();
    const std::int64_t size = ints.group_size == 0 ? weight.in : ints.group_size;
    const std::int64_t group =
        ints.group_of_input.empty() ? column / size : ints.group_of_input[static_cast<std::size_t>(column)];
    zero = ints.zeros[static_cast<std::size_t>(row * groups + group)];
  }
  ints.q[at] = zero;
}

PruningLoss prune_row(const LinearWeight& weight, std::span<const double> norms,
                      const SparsityPattern& pattern, std::int64_t row, const std::string& module,
                      LinearWeight& target) {
  const auto in = static_cast<std::size_t>(weight.in);
  std::vector<float> values(in), importance(in);
  std::vector<std::uint8_t> removed(in, 0);
  std::vector<std::int32_t> order;
  weight.dequantize(row, row + 1, values.data());
  const std::size_t bad = find_not_finite(DType::F32, values.data(), in);
  if (bad != in) {
    throw Error("not_finite",
                "has NaN or infinity at row " + std::to_string(row) + ", column " + std::to_string(bad),
                module + ".weight", "use an intact copy of the model");
  }
  for (std::size_t j = 0; j < in; ++j) {
    importance[j] = std::fabs(values[j]) * (norms.empty() ? 1.0F : static_cast<float>(norms[j]));
  }
  mark_row(importance, pattern, removed, order);
  PruningLoss loss;
  loss.weights = weight.in;
  for (std::size_t j = 0; j < in; ++j) {
    const double square = static_cast<double>(values[j]) * values[j];
    loss.squared_norm += square;
    if (removed[j] != 0) {
      loss.squared_error += square;
      clear(target, row, static_cast<std::int64_t>(j));
    }
    if (removed[j] != 0 || values[j] == 0) ++loss.zeros;
  }
  return loss;
}

}  // namespace

std::string SparsityPattern::text() const {
  if (group != 0) return std::to_string(kept) + ":" + std::to_string(group);
  std::string digits = std::to_string(sparsity);
  digits.erase(digits.find_last_not_of('0') + 1);
  return digits.ends_with('.') ? digits + "0" : digits;
}

SparsityPattern SparsityPattern::parse(const std::string& text) {
  const std::size_t colon = text.find(':');
  SparsityPattern pattern;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, pattern.kept);
  const bool has_first =
      colon != std::string::npos && first.ec == std::errc() && first.ptr == text.data() + colon;
  const auto second = std::from_chars(text.data() + (has_first ? colon + 1 : 0), end, pattern.group);
  if (!has_first || second.ec != std::errc() || second.ptr != end || pattern.kept < 1 ||
      pattern.group <= pattern.kept || pattern.group > 1024) {
    throw Error("invalid_parameter", "\"" + text + "\" is no pattern N:M", "/pattern",
                "N of each M inputs are kept, 0 < N < M; GPUs speed up 2:4");
  }
  return pattern;
}

void SparsityPattern::check_divides(std::int64_t in, const std::string& module) const {
  if (group == 0 || in % group == 0) return;
  throw Error("invalid_parameter",
              "groups of " + std::to_string(group) + " do not divide the " + std::to_string(in) +
                  " inputs of " + module,
              "/pattern", "use another M, or add the module to ignore");
}

double PruningLoss::relative() const {
  return squared_norm == 0 ? 0.0 : std::sqrt(squared_error / squared_norm);
}

Pruned prune(const LinearWeight& weight, std::span<const double> input_norms, const SparsityPattern& pattern,
             const std::string& module, ThreadPool& threads) {
  pattern.check_divides(weight.in, module);
  Pruned result{owned_copy(weight, module), {}};
  constexpr std::int64_t kTileRows = 32;
  std::vector<PruningLoss> losses(static_cast<std::size_t>(weight.out));
  threads.run(static_cast<std::size_t>((weight.out + kTileRows - 1) / kTileRows), [&](std::size_t tile) {
    const std::int64_t first = static_cast<std::int64_t>(tile) * kTileRows;
    for (std::int64_t row = first; row < std::min(first + kTileRows, weight.out); ++row) {
      losses[static_cast<std::size_t>(row)] =
          prune_row(weight, input_norms, pattern, row, module, result.weight);
    }
  });
  for (const PruningLoss& loss : losses) {
    result.loss.zeros += loss.zeros;
    result.loss.weights += loss.weights;
    result.loss.squared_error += loss.squared_error;
    result.loss.squared_norm += loss.squared_norm;
  }
  return result;
}

}  // namespace presswork::modelkit
