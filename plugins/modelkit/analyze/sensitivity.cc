#include "plugins/modelkit/analyze/sensitivity.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "plugins/modelkit/evaluate/divergence.h"
#include "plugins/modelkit/evaluate/perplexity.h"
#include "plugins/modelkit/prune/pruner.h"
#include "plugins/modelkit/quantize/rtn_quantizer.h"

namespace presswork::modelkit {
namespace {

LinearWeight rounded(const LinearWeight& weight, int bits, std::int64_t group, bool symmetric,
                     const std::string& module, ThreadPool& threads) {
  const QuantizationGrid grid{bits, weight.in % std::max<std::int64_t>(group, 1) == 0 ? group : 0, symmetric,
                              DType::F32};
  return quantize_rtn(weight, grid, module, threads).weight;
}

LinearWeight coarse_int8(const LinearWeight& w, const std::string& module, ThreadPool& threads) {
  return rounded(w, 8, 0, true, module, threads);
}
LinearWeight coarse_int4(const LinearWeight& w, const std::string& module, ThreadPool& threads) {
  return rounded(w, 4, 32, false, module, threads);
}
LinearWeight coarse_int3(const LinearWeight& w, const std::string& module, ThreadPool& threads) {
  return rounded(w, 3, 32, false, module, threads);
}
LinearWeight coarse_half(const LinearWeight& w, const std::string& module, ThreadPool& threads) {
  return prune(w, {}, {.sparsity = 0.5}, module, threads).weight;
}
LinearWeight coarse_2_of_4(const LinearWeight& w, const std::string& module, ThreadPool& threads) {
  const SparsityPattern pattern{.sparsity = 0, .kept = 2, .group = 4};
  return w.in % pattern.group == 0 ? prune(w, {}, pattern, module, threads).weight : w;
}

// The states before each layer are kept, so that a pass can begin at any of them.
class Measurement {
 public:
  Measurement(Transformer& model, const TokenWindows& windows, ThreadPool& threads, const StepObserver& step)
      : model_(model), windows_(windows), threads_(threads), step_(step), targets_(targets_of(windows)) {
    Matrix states = model.embed(windows.ids(), windows.length());
    for (std::int64_t i = 0; i < model.layers(); ++i) {
      before_.push_back(copy_of(states));
      model.layer(i).forward(states, windows.length(), model.rope());
    }
    final_ = states;
    original_ = loss_of(final_);
  }

  Sensitivity measure(const Coarsening& coarsening) {
    Sensitivity sensitivity{.name = coarsening.name, .loss_percent = 0, .layers = {}};
    for (std::int64_t i = 0; i < model_.layers(); ++i) {
      sensitivity.layers.push_back(loss_with(coarsening, i, i + 1));
    }
    sensitivity.loss_percent = loss_with(coarsening, 0, model_.layers());
    return sensitivity;
  }

  void count_passes(std::size_t passes) { passes_ = static_cast<double>(passes); }

  // With one linear coarse: mean divergence from the original's predictions.
  double divergence_with(const Coarsening& coarsening, std::int64_t index, const std::string& module) {
    Matrix states = copy_of(before_[static_cast<std::size_t>(index)]);
    for (std::int64_t i = index; i < model_.layers(); ++i) {
      DecoderLayer layer = model_.layer(i);
      if (i == index) coarsen(layer, i, coarsening, module);
      layer.forward(states, windows_.length(), model_.rope());
    }
    model_.final_norm(states);
    const auto divergence = divergence_of_states(model_, states, final_);
    if (step_) step_(++done_ / passes_);
    return std::accumulate(divergence.begin(), divergence.end(), 0.0) /
           static_cast<double>(divergence.size());
  }

 private:
  Matrix copy_of(const Matrix& states) {
    Matrix copy = model_.compute().allocate(states.rows, states.cols);
    std::vector<std::size_t> rows(states.rows);
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    model_.compute().take_rows(copy, states, rows);
    return copy;
  }

  // Layers [first, last) coarse, in percent over the original.
  double loss_with(const Coarsening& coarsening, std::int64_t first, std::int64_t last) {
    Matrix states = copy_of(before_[static_cast<std::size_t>(first)]);
    for (std::int64_t i = first; i < model_.layers(); ++i) {
      DecoderLayer layer = model_.layer(i);
      if (i < last) coarsen(layer, i, coarsening);
      layer.forward(states, windows_.length(), model_.rope());
    }
    const double loss = (std::exp(loss_of(states) - original_) - 1) * 100;
    if (step_) step_(++done_ / passes_);
    return loss;
  }

  void coarsen(DecoderLayer& layer, std::int64_t index, const Coarsening& coarsening) {
    for (const LinearSite& site : layer_sites(model_.config(), index).linears)
      coarsen(layer, index, coarsening, site.module);
  }

  void coarsen(DecoderLayer& layer, std::int64_t index, const Coarsening& coarsening,
               const std::string& module) {
    const std::string name = layer_prefix(model_.config(), index) + "." + module;
    layer.replace(module, coarsening.apply(model_.source().linear(name), name, threads_));
  }

  double loss_of(const Matrix& states) {
    model_.final_norm(states);
    const auto losses = model_.negative_log_likelihood(states, targets_);
    const double scored = static_cast<double>(windows_.count()) * static_cast<double>(windows_.length() - 1);
    return std::accumulate(losses.begin(), losses.end(), 0.0) / scored;
  }

  Transformer& model_;
  const TokenWindows& windows_;
  ThreadPool& threads_;
  const StepObserver& step_;
  std::vector<std::int32_t> targets_;
  std::vector<Matrix> before_;
  Matrix final_;  // behind the last layer and the final norm
  double original_ = 0, done_ = 0, passes_ = 1;
};

}  // namespace

const std::vector<Coarsening>& coarsenings() {
  static const std::vector<Coarsening> all = {{"int8", coarse_int8},
                                              {"int4", coarse_int4},
                                              {"int3", coarse_int3},
                                              {"sparse50", coarse_half},
                                              {"2:4", coarse_2_of_4}};
  return all;
}

double weight_error(const LinearWeight& weight, const LinearWeight& coarse) {
  double error = 0, norm = 0;
  std::vector<float> a(static_cast<std::size_t>(weight.in)), b(a.size());
  for (std::int64_t row = 0; row < weight.out; ++row) {
    weight.dequantize(row, row + 1, a.data());
    coarse.dequantize(row, row + 1, b.data());
    for (std::size_t j = 0; j < a.size(); ++j) {
      const double difference = static_cast<double>(a[j]) - b[j];
      error += difference * difference;
      norm += static_cast<double>(a[j]) * a[j];
    }
  }
  return norm == 0 ? 0 : std::sqrt(error / norm);
}

std::vector<Sensitivity> measure_sensitivity(Transformer& model, const TokenWindows& windows,
                                             ThreadPool& threads, const StepObserver& step) {
  expect_predictions(windows);
  Measurement measurement(model, windows, threads, step);
  measurement.count_passes(coarsenings().size() * static_cast<std::size_t>(model.layers() + 1));
  std::vector<Sensitivity> found;
  for (const Coarsening& coarsening : coarsenings()) found.push_back(measurement.measure(coarsening));
  return found;
}

std::vector<LinearSensitivity> measure_linears(
    Transformer& model, const TokenWindows& windows, const std::vector<LinearSensitivity>& known,
    const std::set<std::string>& targets, const std::vector<Coarsening>& coarsenings, ThreadPool& threads,
    const std::function<void(const std::vector<LinearSensitivity>&)>& found, const StepObserver& step) {
  std::vector<LinearSensitivity> all = known, missing;
  for (std::int64_t i = 0; i < model.layers(); ++i) {
    for (const LinearSite& site : layer_sites(model.config(), i).linears) {
      const bool measured = std::any_of(known.begin(), known.end(), [&](const LinearSensitivity& s) {
        return s.layer == i && s.module == site.module;
      });
      if (!measured && targets.contains(layer_prefix(model.config(), i) + "." + site.module))
        missing.push_back({i, site.module, {}});
    }
  }
  if (missing.empty()) return all;
  Measurement measurement(model, windows, threads, step);
  measurement.count_passes(missing.size() * coarsenings.size());
  for (LinearSensitivity& linear : missing) {
    for (const Coarsening& coarsening : coarsenings)
      linear.divergence.push_back(measurement.divergence_with(coarsening, linear.layer, linear.module));
    all.push_back(std::move(linear));
    found(all);
  }
  return all;
}

}  // namespace presswork::modelkit
