#include "plugins/modelkit/quantize/awq_layer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "plugins/modelkit/compute/cpu/gram.h"
#include "plugins/modelkit/quantize/diagnostics.h"
#include "plugins/modelkit/quantize/input_statistics.h"
#include "plugins/modelkit/quantize/integer_weight.h"
#include "plugins/modelkit/quantize/layer_scaling.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kTileRows = 64;
constexpr int kPowers = 20;      // of the search: 0, 1/20, ... 19/20
constexpr float kLeast = 1e-4F;  // scale, before they are normalized
constexpr int kClipSteps = 10;   // of a twentieth of the range

// A linear while it is rounded.
struct Linear {
  const std::vector<float>* weight = nullptr;
  std::size_t out = 0, in = 0;
  const Scaling* scales = nullptr;
  const double* hessian = nullptr;
  const double* search = nullptr;  // the same where ranges are searched
  LinearWeight* rounded = nullptr;
  GroupedIntWeight* ints = nullptr;  // of it
  std::vector<float>* effective = nullptr;
};

// The weights and statistics of one layer, on the way.
class AwqLayer {
 public:
  AwqLayer(CalibrationLayer& layer, const AwqOptions& options, ThreadPool& threads)
      : layer_(layer), options_(options), threads_(threads), scaling_(layer, options.targets) {}

  LayerChange run();

 private:
  struct Sums {
    QuantizationError error, rounding;
    double solved = 0, rounded = 0, whole = 0;
    std::int64_t clipped = 0;
    void add(const Sums& other) {
      error += other.error;
      rounding += other.rounding;
      clipped += other.clipped;
      solved += other.solved;
      rounded += other.rounded;
      whole += other.whole;
    }
  };

  void scale_sites(std::map<std::string, Gram>& inputs);
  void scale_site(const FoldingSite& site, Gram& inputs);
  std::vector<float> scales_of(const FoldingSite& site, const Gram& inputs, double power) const;
  double error_of(const InputGroup& group, const std::vector<float>& scales, const double* hessian);
  void quantize(const std::string& module, Gram& inputs);
  std::int64_t round_rows(const Linear& linear, std::size_t first, std::size_t last);
  Sums errors_of(const Linear& linear, std::size_t first, std::size_t last) const;
  GroupScale fit(const float* w, std::size_t at, std::size_t size, const double* hessian,
                 const std::vector<float>& columns) const;

  CalibrationLayer& layer_;
  const AwqOptions& options_;
  ThreadPool& threads_;
  LayerScaling scaling_;
  std::map<std::string, LinearWeight> effective_;  // what the integers come to before the scales
  LayerChange change_;
};

// Inputs that one row makes share its scale, from the mean of their magnitudes.
std::vector<float> AwqLayer::scales_of(const FoldingSite& site, const Gram& inputs, double power) const {
  const std::size_t count = inputs.size();
  std::vector<double> magnitude(count);
  for (std::size_t i = 0; i < count; ++i) magnitude[i] = inputs.mean_magnitude(i);
  if (!site.rows.empty()) {
    std::map<std::size_t, std::pair<double, double>> sums;
    for (std::size_t i = 0; i < count; ++i) {
      sums[site.rows[i]].first += magnitude[i];
      sums[site.rows[i]].second += 1;
    }
    for (std::size_t i = 0; i < count; ++i)
      magnitude[i] = sums[site.rows[i]].first / sums[site.rows[i]].second;
  }
  std::vector<float> scales(count);
  for (std::size_t i = 0; i < count; ++i)
    scales[i] = std::max(static_cast<float>(std::pow(magnitude[i], power)), kLeast);
  const auto [least, most] = std::minmax_element(scales.begin(), scales.end());
  const float middle = std::sqrt(*least * *most);
  for (float& scale : scales) scale /= middle;
  scaling_.make_exact(site, scales);
  return scales;
}

// Squared error of the outputs of `group`, its columns scaled and rounded.
double AwqLayer::error_of(const InputGroup& group, const std::vector<float>& scales, const double* hessian) {
  const std::size_t in = scales.size();
  double total = 0;
  for (const std::string& module : group.modules) {
    const std::vector<float>& w = scaling_.weight(module);
    const std::size_t out = scaling_.outputs(module);
    std::vector<double> sums((out + kTileRows - 1) / kTileRows);
    threads_.run(sums.size(), [&](std::size_t tile) {
      const std::size_t first = tile * kTileRows * in, last = std::min(first + kTileRows * in, w.size());
      std::vector<float> scaled(w.begin() + static_cast<std::ptrdiff_t>(first),
                                w.begin() + static_cast<std::ptrdiff_t>(last));
      for (std::size_t i = 0; i < scaled.size(); ++i) scaled[i] *= scales[i % in];
      std::vector<double> difference(scaled.size());
      subtract_rounded(scaled, options_.grid, in, difference);
      for (std::size_t i = 0; i < difference.size(); ++i) difference[i] /= scales[i % in];
      sums[tile] = norm_squared(difference, hessian, in);
    });
    total += std::accumulate(sums.begin(), sums.end(), 0.0);
  }
  return total;
}

void AwqLayer::scale_site(const FoldingSite& site, Gram& inputs) {
  const PhaseTimes::Scope timed(layer_.times(), "search");
  const double* hessian = inputs.symmetric();
  double least = std::numeric_limits<double>::infinity(), power = 0;
  std::vector<float> best;
  for (int step = 0; step < kPowers; ++step) {
    const double tried = static_cast<double>(step) / kPowers;
    const std::vector<float> scales =
        step == 0 ? std::vector<float>(inputs.size(), 1.0F) : scales_of(site, inputs, tried);
    const double error = error_of(site.consumers, scales, hessian);
    if (error < least) {
      least = error;
      power = tried;
      best = scales;
    }
  }
  if (power != 0) scaling_.fold(site, best, power);
}

// The scale of a group of scaled weights that begins at input `at`.
GroupScale AwqLayer::fit(const float* w, std::size_t at, std::size_t size, const double* hessian,
                         const std::vector<float>& columns) const {
  const auto count = static_cast<std::int64_t>(size);
  const GroupScale plain = fit_group(w, count, options_.grid);
  if (hessian == nullptr) return plain;
  const auto [low, high] = std::minmax_element(w, w + size);
  std::vector<std::int8_t> q(size);
  std::vector<double> d(size);
  GroupScale best = plain;
  double least = std::numeric_limits<double>::infinity();
  for (int step = 0; step <= kClipSteps; ++step) {
    const float part = 1.0F - static_cast<float>(step) / 20.0F;
    const GroupScale tried = step == 0 ? plain : fit_range(*low * part, *high * part, options_.grid);
    round_group(w, count, options_.grid, tried, q.data());
    for (std::size_t i = 0; i < size; ++i)
      d[i] = (static_cast<double>(w[i]) - tried.value(q[i])) / columns[at + i];
    double error = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const double* row = hessian + (at + i) * columns.size() + at;
      error += d[i] * std::inner_product(d.begin(), d.end(), row, 0.0);
    }
    if (error < least) {
      least = error;
      best = tried;
    }
  }
  return best;
}

// Integers of rows [first, last) and what they come to; returns how many were clipped.
std::int64_t AwqLayer::round_rows(const Linear& linear, std::size_t first, std::size_t last) {
  const std::size_t in = linear.in, groups = linear.ints->scales.size() / linear.out, group = in / groups;
  const Scaling& scales = *linear.scales;
  std::vector<float> scaled(in);
  std::int64_t clipped = 0;
  for (std::size_t row = first; row < last; ++row) {
    for (std::size_t i = 0; i < in; ++i)
      scaled[i] = (*linear.weight)[row * in + i] * scales.columns[i] / scales.rows[row];
    for (std::size_t g = 0; g < groups; ++g) {
      const float* from = scaled.data() + g * group;
      std::int8_t* q = linear.ints->q.data() + row * in + g * group;
      const GroupScale scale = fit(from, g * group, group, linear.search, scales.columns);
      round_group(from, static_cast<std::int64_t>(group), options_.grid, scale, q);
      linear.ints->scales[row * groups + g] = scale.scale;
      if (!linear.ints->symmetric) linear.ints->zeros[row * groups + g] = scale.zero;
      for (std::size_t i = 0; i < group; ++i) {
        const std::size_t at = g * group + i;
        (*linear.effective)[row * in + at] = scale.value(q[i]) / scales.columns[at] * scales.rows[row];
      }
    }
    clipped += count_clipped(scaled, static_cast<std::int64_t>(row), *linear.rounded);
  }
  return clipped;
}

// Errors of rows [first, last), squared.
AwqLayer::Sums AwqLayer::errors_of(const Linear& linear, std::size_t first, std::size_t last) const {
  const std::size_t in = linear.in;
  const auto place = [&](std::size_t row) { return static_cast<std::ptrdiff_t>(row * in); };
  const std::vector<float> original(linear.weight->begin() + place(first),
                                    linear.weight->begin() + place(last));
  std::vector<double> difference(original.begin(), original.end());
  const auto squares = [&] {
    return std::inner_product(difference.begin(), difference.end(), difference.begin(), 0.0);
  };
  Sums sums;
  sums.error.squared_norm = sums.rounding.squared_norm = squares();
  sums.whole = norm_squared(difference, linear.hessian, in);
  for (std::size_t i = 0; i < difference.size(); ++i) difference[i] -= (*linear.effective)[first * in + i];
  sums.error.squared_error = squares();
  sums.solved = norm_squared(difference, linear.hessian, in);
  subtract_rounded(original, options_.grid, in, difference);
  sums.rounding.squared_error = squares();
  sums.rounded = norm_squared(difference, linear.hessian, in);
  return sums;
}

void AwqLayer::quantize(const std::string& module, Gram& inputs) {
  const PhaseTimes::Scope timed(layer_.times(), "rounding");
  const std::vector<float>& w = scaling_.weight(module);
  const auto out = static_cast<std::int64_t>(scaling_.outputs(module)),
             in = static_cast<std::int64_t>(inputs.size());
  const LayerModules& names = layer_.model().config().modules;
  const bool search = options_.clip_search && module != names.q && module != names.k && module != names.qkv;
  LinearWeight rounded{out, in, empty_integers(out, in, options_.grid)};
  auto& ints = std::get<GroupedIntWeight>(rounded.form);
  std::vector<float> effective(w.size());
  const double* hessian = inputs.symmetric();
  const Linear linear{.weight = &w,
                      .out = static_cast<std::size_t>(out),
                      .in = static_cast<std::size_t>(in),
                      .scales = &scaling_.scaling(module),
                      .hessian = hessian,
                      .search = search ? hessian : nullptr,
                      .rounded = &rounded,
                      .ints = &ints,
                      .effective = &effective};
  std::vector<Sums> sums((linear.out + kTileRows - 1) / kTileRows);
  threads_.run(sums.size(), [&](std::size_t tile) {
    const std::size_t first = tile * kTileRows, last = std::min(first + kTileRows, linear.out);
    const std::int64_t clipped = round_rows(linear, first, last);
    sums[tile] = errors_of(linear, first, last);
    sums[tile].clipped = clipped;
  });
  expect_finite_scales(ints, out, layer_.whole_name(module));
  Sums total;
  for (const Sums& sum : sums) total.add(sum);
  const auto relative = [&](double part) {
    return total.whole > 0 ? std::sqrt(std::max(part, 0.0) / total.whole) : 0.0;
  };
  Figures& figures = change_.figures[module];
  figures = {
      {"weight_error", total.error.relative()},       {"rounding_error", total.rounding.relative()},
      {"output_error", relative(total.solved)},       {"rounding_output_error", relative(total.rounded)},
      {"tokens", static_cast<double>(inputs.rows())}, {"scale_power", linear.scales->power.value_or(0)}};
  add_integer_figures(figures, rounded, total.clipped);
  add_input_figures(figures, inputs.mean_squares());
  effective_.emplace(module, float_weight(out, in, effective));
  change_.linears.emplace(module, std::move(rounded));
}

// Scales of all groups before any integers: a linear's rows are scaled by the group behind it.
LayerChange AwqLayer::run() {
  const auto passes = within_budget(target_groups(layer_, options_.targets), gram_budget(layer_.bytes()));
  const bool once = passes.size() == 1;
  layer_.expect_passes(once ? 1 : 2 * passes.size());
  std::map<std::string, Gram> inputs;
  for (const auto& pass : passes) {
    inputs = observe_grams(layer_, pass, threads_);
    scale_sites(inputs);
  }
  for (const auto& pass : passes) {
    if (!once) inputs = observe_grams(layer_, pass, threads_);
    for (const InputGroup& group : pass) {
      for (const std::string& module : group.modules) {
        if (options_.targets.contains(layer_.whole_name(module)))
          quantize(module, inputs.at(group.modules.front()));
      }
    }
  }
  for (const auto& [module, weight] : effective_) layer_.replace(module, weight);
  change_.tensors = scaling_.tensors();
  return std::move(change_);
}

void AwqLayer::scale_sites(std::map<std::string, Gram>& inputs) {
  for (const FoldingSite& site : folding_sites(layer_.model().config(), layer_.index())) {
    if (!scaling_.foldable(site)) continue;
    const auto found = inputs.find(site.consumers.modules.front());
    if (found != inputs.end()) scale_site(site, found->second);
  }
}

}  // namespace

LayerChange quantize_layer_awq(CalibrationLayer& layer, const AwqOptions& options, ThreadPool& threads) {
  return AwqLayer(layer, options, threads).run();
}

}  // namespace presswork::modelkit
