#include "plugins/modelkit/estimate/effects.h"

#include <algorithm>
#include <cmath>

#include "plugins/modelkit/estimate/memory.h"
#include "presswork/error.h"

namespace presswork::modelkit {

namespace {

struct Degradation {
  std::string_view from, to;
  double transformer, cnn, rnn;  // percent
};

constexpr Degradation kDegradations[] = {
    {"fp32", "fp16", 0.5, 0.2, 1.0},
    {"fp16", "int8", 2.0, 1.0, 3.0},
    {"fp16", "int4", 5.0, 3.0, 8.0},
    {"int8", "int4", 3.0, 2.0, 5.0},
};

double degradation_of(std::string_view from, std::string_view to, std::string_view model_type) {
  constexpr double kUnknown = 2.0;
  for (const Degradation& row : kDegradations) {
    if (row.from != from || row.to != to) continue;
    if (model_type == "transformer") return row.transformer;
    if (model_type == "cnn") return row.cnn;
    if (model_type == "rnn") return row.rnn;
  }
  return kUnknown;
}

struct PruningKind {
  std::string_view type;
  double efficiency, penalty;
};

PruningKind pruning_kind(std::string_view type) {
  constexpr PruningKind kinds[] = {{"unstructured", 0.3, 0.5},
                                   {"n_m_structured", 0.8, 0.3},
                                   {"channel_pruning", 0.9, 0.8},
                                   {"layer_pruning", 0.95, 1.2}};
  for (const PruningKind& kind : kinds) {
    if (kind.type == type) return kind;
  }
  return {type, 0.5, 0.5};
}

}  // namespace

QuantizationEffect quantization_effect(std::string_view from, std::string_view to, double params,
                                       std::string_view model_type) {
  const double before = bytes_per_parameter(from), after = bytes_per_parameter(to);
  QuantizationEffect effect{};
  effect.ratio = before / after;
  effect.memory_saving = (1 - after / before) * 100;
  effect.size_reduction = params * (before - after);
  effect.accuracy_degradation = degradation_of(from, to, model_type);
  effect.theoretical_speedup = effect.ratio * 0.7;
  effect.bandwidth_speedup = std::min(effect.ratio, 2.0);
  effect.recommended = effect.accuracy_degradation < 5 && effect.ratio > 1.5;
  return effect;
}

PruningEffect pruning_effect(double sparsity, std::string_view type, double params) {
  constexpr double kFp16Bytes = 2;
  const PruningKind kind = pruning_kind(type);
  PruningEffect effect{};
  effect.efficiency = kind.efficiency;
  effect.effective = kind.efficiency * sparsity;
  effect.speedup = 1 / (1 - effect.effective);
  effect.memory_saving = params * kFp16Bytes * effect.effective;
  effect.accuracy_degradation = kind.penalty * std::pow(sparsity, 1.5) * 100;
  effect.max_sparsity = std::min(0.9, 5.0 / kind.penalty);
  return effect;
}

GpuMatch match_gpu(double required_gb, double memory_gb, double price_usd, double margin) {
  GpuMatch match{};
  match.count = static_cast<int>(std::max(1.0, std::ceil(required_gb / (memory_gb * (1 - margin)))));
  match.utilization = required_gb / (match.count * memory_gb) * 100;
  match.cost = match.count * price_usd;
  match.cost_per_gb = match.cost / required_gb;
  match.cost_efficiency = memory_gb / price_usd;
  return match;
}

Bandwidth communication_bandwidth(double model_gb, double seconds_per_step, std::string_view parallelism,
                                  int gpus) {
  // The guide's stand-ins for what depends on batch and sequence length.
  constexpr double kActivationGb = 0.1, kMicroBatches = 4;
  Bandwidth bandwidth{};
  if (parallelism == "data_parallel") {
    bandwidth.required = 2 * ((gpus - 1.0) / gpus) * model_gb / seconds_per_step;
  } else if (parallelism == "tensor_parallel") {
    bandwidth.required = 2 * (model_gb / gpus) / seconds_per_step;
  } else if (parallelism == "pipeline_parallel") {
    bandwidth.required = kActivationGb * kMicroBatches / seconds_per_step;
  } else {
    throw Error("invalid_parameter", "there is no parallelism \"" + std::string(parallelism) + "\"",
                "/parallelism_type", "use data_parallel, tensor_parallel or pipeline_parallel");
  }
  bandwidth.efficiency = bandwidth.required / (model_gb / seconds_per_step);
  return bandwidth;
}

}  // namespace presswork::modelkit
