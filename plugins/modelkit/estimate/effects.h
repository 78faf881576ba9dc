// What quantization and pruning are expected to bring, and what hardware they need, by formula.
// Source: the guide's prediction formulas (SPEC.md §2). Predictions, to be put beside measurements.
#pragma once

#include <string>
#include <string_view>

namespace presswork::modelkit {

struct QuantizationEffect {
  double ratio;                 // bits before / bits after
  double memory_saving;         // percent
  double size_reduction;        // bytes
  double accuracy_degradation;  // percent
  double theoretical_speedup;   // 0.7 · ratio
  double bandwidth_speedup;     // min(ratio, 2)
  bool recommended;             // degradation under 5 % and ratio over 1.5
};

// `model_type`: transformer, cnn or rnn; pairs of precisions that the guide's table lacks count as 2 %.
QuantizationEffect quantization_effect(std::string_view from, std::string_view to, double params,
                                       std::string_view model_type);

struct PruningEffect {
  double efficiency;            // of the hardware with this kind of sparsity
  double effective;             // efficiency · sparsity
  double speedup;               // 1 / (1 − effective)
  double memory_saving;         // bytes, of fp16 weights
  double accuracy_degradation;  // percent: penalty · sparsity^1.5 · 100
  double max_sparsity;          // recommended: min(0.9, 5 / penalty)
};

// `type`: unstructured, n_m_structured, channel_pruning or layer_pruning; any other counts as 0.5 and 0.5.
PruningEffect pruning_effect(double sparsity, std::string_view type, double params);

struct GpuMatch {
  int count;
  double utilization;      // percent of all the memory
  double cost;             // USD
  double cost_per_gb;      // of required memory
  double cost_efficiency;  // GB per USD
};

// required and memory in GB; `margin`: the share of a card's memory that stays free.
GpuMatch match_gpu(double required_gb, double memory_gb, double price_usd, double margin);

struct Bandwidth {
  double required;    // GB/s
  double efficiency;  // required / (size / step)
};

// `parallelism`: data_parallel, tensor_parallel or pipeline_parallel. Throws Error{"invalid_parameter"} for
// others.
Bandwidth communication_bandwidth(double model_gb, double seconds_per_step, std::string_view parallelism,
                                  int gpus);

}  // namespace presswork::modelkit
