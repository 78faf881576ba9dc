#include "plugins/modelkit/quantize/w8a8_layer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "plugins/modelkit/compute/cpu/dgemm.h"
#include "plugins/modelkit/quantize/diagnostics.h"
#include "plugins/modelkit/quantize/input_samples.h"
#include "plugins/modelkit/quantize/input_statistics.h"
#include "plugins/modelkit/quantize/integer_weight.h"
#include "plugins/modelkit/quantize/layer_scaling.h"
#include "plugins/modelkit/quantize/rtn_quantizer.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kSampled = 256;  // tokens that errors are measured on
constexpr std::size_t kTileRows = 64;  // of a weight
constexpr float kLeast = 1e-5F;        // of a weight's or an input's largest magnitude

using Doubles = std::vector<double>;

// Squared: of a linear's outputs over the sampled tokens, and of their error.
struct OutputSums {
  double error = 0, whole = 0;
  double relative() const { return whole > 0 ? std::sqrt(error / whole) : 0.0; }
};

// The weights and inputs of one layer, on the way.
class W8a8Layer {
 public:
  W8a8Layer(CalibrationLayer& layer, const W8a8Options& options, ThreadPool& threads)
      : layer_(layer), options_(options), threads_(threads), scaling_(layer, options.targets) {}

  LayerChange run();

 private:
  using Samples = std::map<std::string, InputSample>;

  void smooth(const FoldingSite& site, const InputSample& sample);
  std::vector<float> scales_of(const FoldingSite& site, const InputSample& sample, double alpha);
  double error_of(const FoldingSite& site, const InputSample& sample, const std::vector<float>& scales);
  void apply_scales();
  std::map<std::string, Int8Grid> observe_grids(const std::vector<InputGroup>& groups,
                                                const Samples& samples);
  void quantize(const std::string& module, const InputSample& sample, const Int8Inputs& inputs);

  Int8Inputs whole_range(const InputSample& sample, const std::vector<float>& scales) const;
  Doubles rounded_inputs(const InputSample& sample, const std::vector<float>& scales,
                         const Int8Inputs& inputs, double* clipped = nullptr) const;
  RtnResult rounded_weight(const std::string& module, const std::vector<float>& values);
  OutputSums output_sums(const std::string& module, const InputSample& sample, const Doubles& inputs,
                         const std::vector<float>& effective);

  CalibrationLayer& layer_;
  const W8a8Options& options_;
  ThreadPool& threads_;
  LayerScaling scaling_;
  LayerChange change_;
};

// y [n, out] += factor * x [n, in] w [out, in]^T
void multiply(double factor, const Doubles& x, const Doubles& w, std::size_t in, Doubles& y) {
  dgemm({.m = x.size() / in,
         .n = w.size() / in,
         .k = in,
         .alpha = factor,
         .a = x.data(),
         .a_row = in,
         .b = w.data(),
         .b_row = 1,
         .b_col = in,
         .c = y.data(),
         .c_row = w.size() / in});
}

double squares(const Doubles& values) {
  return std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
}

// Lowest and highest value of all tokens' inputs divided by `scales`.
std::pair<float, float> range_of(const InputSample& sample, const std::vector<float>& scales) {
  float low = 0.0F, high = 0.0F;
  for (std::size_t i = 0; i < scales.size(); ++i) {
    low = std::min(low, sample.low[i] / scales[i]);
    high = std::max(high, sample.high[i] / scales[i]);
  }
  return {low, high};
}

Int8Inputs W8a8Layer::whole_range(const InputSample& sample, const std::vector<float>& scales) const {
  Int8Inputs inputs = options_.inputs;
  const auto [low, high] = range_of(sample, scales);
  inputs.grid = int8_grid(low, high, inputs.symmetric);
  return inputs;
}

// The sampled tokens, divided by `scales` and rounded.
Doubles W8a8Layer::rounded_inputs(const InputSample& sample, const std::vector<float>& scales,
                                  const Int8Inputs& inputs, double* clipped) const {
  const std::size_t in = scales.size();
  Doubles rounded(sample.rows.size());
  std::vector<float> row(in);
  std::vector<std::int8_t> q(in);
  std::size_t outside = 0;
  for (std::size_t r = 0; r < sample.taken(); ++r) {
    for (std::size_t i = 0; i < in; ++i) row[i] = sample.rows[r * in + i] / scales[i];
    const Int8Grid grid = grid_of(inputs, row.data(), in);
    to_int8(grid, row.data(), in, q.data());
    for (std::size_t i = 0; i < in; ++i) {
      rounded[r * in + i] = grid.value(q[i]);
      outside += std::abs(row[i] - grid.value(q[i])) > grid.scale ? 1 : 0;
    }
  }
  if (clipped != nullptr && !rounded.empty())
    *clipped = static_cast<double>(outside) / static_cast<double>(rounded.size());
  return rounded;
}

RtnResult W8a8Layer::rounded_weight(const std::string& module, const std::vector<float>& values) {
  const auto out = static_cast<std::int64_t>(scaling_.outputs(module));
  const auto in = static_cast<std::int64_t>(values.size()) / out;
  return quantize_rtn(float_weight(out, in, values), options_.grid, layer_.whole_name(module), threads_);
}

// `inputs` through `effective` [out, in], against the sampled tokens through the weight as it was.
OutputSums W8a8Layer::output_sums(const std::string& module, const InputSample& sample, const Doubles& inputs,
                                  const std::vector<float>& effective) {
  const std::vector<float>& original = scaling_.weight(module);
  const std::size_t in = sample.inputs(), out = original.size() / in;
  const Doubles tokens(sample.rows.begin(), sample.rows.end());
  std::vector<OutputSums> sums((out + kTileRows - 1) / kTileRows);
  threads_.run(sums.size(), [&](std::size_t tile) {
    const std::size_t first = tile * kTileRows, rows = std::min(kTileRows, out - first);
    const auto part = [&](const std::vector<float>& weight) {
      const auto begin = weight.begin() + static_cast<std::ptrdiff_t>(first * in);
      return Doubles(begin, begin + static_cast<std::ptrdiff_t>(rows * in));
    };
    Doubles outputs(sample.taken() * rows, 0.0);
    multiply(1.0, tokens, part(original), in, outputs);
    sums[tile].whole = squares(outputs);
    multiply(-1.0, inputs, part(effective), in, outputs);
    sums[tile].error = squares(outputs);
  });
  OutputSums total;
  for (const OutputSums& sum : sums) {
    total.error += sum.error;
    total.whole += sum.whole;
  }
  return total;
}

std::vector<float> W8a8Layer::scales_of(const FoldingSite& site, const InputSample& sample, double alpha) {
  const std::size_t in = sample.inputs();
  std::vector<float> largest_input(in), largest_weight(in, 0.0F);
  for (std::size_t i = 0; i < in; ++i) largest_input[i] = std::max(-sample.low[i], sample.high[i]);
  for (const std::string& module : site.consumers.modules) {
    const std::vector<float>& w = scaling_.weight(module);
    for (std::size_t i = 0; i < w.size(); ++i)
      largest_weight[i % in] = std::max(largest_weight[i % in], std::abs(w[i]));
  }
  const auto share = [&](std::vector<float>& values) {  // of inputs that one row makes
    std::map<std::size_t, float> largest;
    for (std::size_t i = 0; i < in; ++i) largest[site.rows[i]] = std::max(largest[site.rows[i]], values[i]);
    for (std::size_t i = 0; i < in; ++i) values[i] = largest[site.rows[i]];
  };
  if (!site.rows.empty()) {
    share(largest_input);
    share(largest_weight);
  }
  std::vector<float> scales(in, 1.0F);
  for (std::size_t i = 0; i < in; ++i) {
    if (largest_input[i] == 0.0F) continue;
    scales[i] = static_cast<float>(std::pow(std::max(largest_input[i], kLeast), alpha) /
                                   std::pow(std::max(largest_weight[i], kLeast), 1.0 - alpha));
    scales[i] = std::max(scales[i], kLeast);
  }
  scaling_.make_exact(site, scales);
  return scales;
}

double W8a8Layer::error_of(const FoldingSite& site, const InputSample& sample,
                           const std::vector<float>& scales) {
  const Doubles inputs = rounded_inputs(sample, scales, whole_range(sample, scales));
  double error = 0;
  for (const std::string& module : site.consumers.modules) {
    std::vector<float> values = scaling_.weight(module);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] *= scales[i % scales.size()];
    error += output_sums(module, sample, inputs, rounded_weight(module, values).weight.dequantize()).error;
  }
  return error;
}

void W8a8Layer::smooth(const FoldingSite& site, const InputSample& sample) {
  const PhaseTimes::Scope timed(layer_.times(), "search");
  if (options_.smoothing == Smoothing::Fixed)
    return scaling_.fold(site, scales_of(site, sample, options_.alpha), options_.alpha);
  double least = error_of(site, sample, std::vector<float>(sample.inputs(), 1.0F));
  std::vector<float> best;
  double alpha = 0;
  for (int tenths = 1; tenths <= 9; ++tenths) {
    const std::vector<float> scales = scales_of(site, sample, tenths / 10.0);
    const double error = error_of(site, sample, scales);
    if (error < least) {
      least = error;
      best = scales;
      alpha = tenths / 10.0;
    }
  }
  if (alpha > 0) scaling_.fold(site, best, alpha);
}

// Makes the layer the folded one.
void W8a8Layer::apply_scales() {
  change_.tensors = scaling_.tensors();
  for (const auto& [name, values] : change_.tensors) layer_.replace_values(name, values);
  for (const InputGroup& group : target_groups(layer_, options_.targets)) {
    for (const std::string& module : group.modules) {
      if (!options_.targets.contains(layer_.whole_name(module))) continue;
      const auto out = static_cast<std::int64_t>(scaling_.outputs(module));
      const auto values = scaling_.scaled(module);
      layer_.replace(module, float_weight(out, static_cast<std::int64_t>(values.size()) / out, values));
    }
  }
}

std::map<std::string, Int8Grid> W8a8Layer::observe_grids(const std::vector<InputGroup>& groups,
                                                         const Samples& samples) {
  std::map<std::string, ValueHistogram> histograms;
  for (const InputGroup& group : groups) {
    const std::string& module = group.modules.front();
    const InputSample& sample = samples.at(module);
    if (sample.tokens == 0) {
      throw Error("invalid_input",
                  "no token of the calibration set came to it, so that its inputs have no range",
                  layer_.whole_name(module), "give more text, or set activations to dynamic");
    }
    const auto [low, high] = range_of(sample, scaling_.scaling(module).columns);
    histograms.emplace(module, ValueHistogram(low, high));
  }
  std::vector<float> values;
  layer_.observe([&](std::span<const std::string_view> modules, const Matrix& input) {
    const auto found = histograms.find(std::string(modules.front()));
    if (found == histograms.end()) return;
    values.resize(input.rows * input.cols);
    layer_.compute().read(input, values);
    found->second.add(values.data(), values.size());
  });
  std::map<std::string, Int8Grid> grids;
  for (const auto& [module, histogram] : histograms)
    grids[module] = histogram.grid(options_.observer, options_.inputs.symmetric);
  return grids;
}

void W8a8Layer::quantize(const std::string& module, const InputSample& sample, const Int8Inputs& inputs) {
  const PhaseTimes::Scope timed(layer_.times(), "rounding");
  const Scaling& scales = scaling_.scaling(module);
  const std::vector<float>& original = scaling_.weight(module);
  const std::size_t in = sample.inputs();
  auto [weight, scaled_error, weights_beyond] = rounded_weight(module, scaling_.scaled(module));
  std::vector<float> effective = weight.dequantize();
  for (std::size_t i = 0; i < effective.size(); ++i) effective[i] *= scales.rows[i / in];

  double clipped = 0;
  const Doubles rounded = rounded_inputs(sample, scales.columns, inputs, &clipped);
  const OutputSums outputs = output_sums(module, sample, rounded, effective);
  QuantizationError error;
  for (std::size_t i = 0; i < original.size(); ++i) {
    error.squared_error +=
        std::pow(static_cast<double>(original[i]) - effective[i] / scales.columns[i % in], 2);
    error.squared_norm += std::pow(static_cast<double>(original[i]), 2);
  }
  const std::vector<float> ones(in, 1.0F);
  const Doubles plain = rounded_inputs(sample, ones, whole_range(sample, ones));
  const RtnResult nearest = rounded_weight(module, original);
  const OutputSums rounding = output_sums(module, sample, plain, nearest.weight.dequantize());
  auto& figures = change_.figures[module];
  figures = {{"weight_error", error.relative()},
             {"rounding_error", nearest.error.relative()},
             {"output_error", outputs.relative()},
             {"rounding_output_error", rounding.relative()},
             {"tokens", static_cast<double>(sample.tokens)}};
  add_integer_figures(figures, weight, weights_beyond);
  add_input_figures(figures, mean_squares(sample));
  if (scales.power) figures["alpha"] = *scales.power;
  if (!inputs.dynamic) figures["clipped_inputs"] = clipped;
  weight.inputs = inputs;
  layer_.replace(module, weight);
  change_.linears.emplace(module, std::move(weight));
}

LayerChange W8a8Layer::run() {
  const std::vector<InputGroup> groups = target_groups(layer_, options_.targets);
  layer_.expect_passes(options_.inputs.dynamic ? 1 : 2);
  const Samples samples = sample_inputs(layer_, groups, kSampled);
  if (options_.smoothing != Smoothing::None) {
    for (const FoldingSite& site : folding_sites(layer_.model().config(), layer_.index())) {
      if (!scaling_.foldable(site)) continue;
      const InputSample& sample = samples.at(site.consumers.modules.front());
      if (sample.taken() > 0) smooth(site, sample);
    }
    apply_scales();
  }
  std::map<std::string, Int8Grid> grids;
  if (!options_.inputs.dynamic) grids = observe_grids(groups, samples);
  for (const InputGroup& group : groups) {
    Int8Inputs inputs = options_.inputs;
    if (!inputs.dynamic) inputs.grid = grids.at(group.modules.front());
    for (const std::string& module : group.modules) {
      if (options_.targets.contains(layer_.whole_name(module)))
        quantize(module, samples.at(group.modules.front()), inputs);
    }
  }
  return std::move(change_);
}

}  // namespace

LayerChange quantize_layer_w8a8(CalibrationLayer& layer, const W8a8Options& options, ThreadPool& threads) {
  return W8a8Layer(layer, options, threads).run();
}

}  // namespace presswork::modelkit
