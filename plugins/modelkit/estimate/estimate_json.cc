#include "plugins/modelkit/estimate/estimate_json.h"

namespace presswork::modelkit {

using Json = nlohmann::json;

Json to_json(const TrainingMemory& memory) {
  return {{"total_memory_gb", memory.total() / kGigabyte},
          {"model_memory_gb", memory.model() / kGigabyte},
          {"activation_memory_gb", memory.activations / kGigabyte},
          {"buffer_memory_gb", memory.buffer / kGigabyte},
          {"breakdown",
           {{"weights_gb", memory.weights / kGigabyte},
            {"optimizer_gb", memory.optimizer / kGigabyte},
            {"gradients_gb", memory.gradients / kGigabyte},
            {"activations_gb", memory.activations / kGigabyte}}}};
}

Json to_json(const InferenceMemory& memory) {
  return {{"total_memory_gb", memory.total() / kGigabyte},
          {"model_memory_gb", memory.weights / kGigabyte},
          {"kv_cache_memory_gb", memory.kv_cache / kGigabyte},
          {"activation_memory_gb", memory.activation / kGigabyte},
          {"buffer_memory_gb", memory.buffer / kGigabyte},
          {"kv_cache_per_token_mb", memory.kv_cache_per_token / kMegabyte}};
}

Json to_json(const GpuMatch& match) {
  return {{"min_gpus", match.count},
          {"memory_utilization_percent", match.utilization},
          {"total_cost_usd", match.cost},
          {"cost_per_gb", match.cost_per_gb},
          {"cost_efficiency_score", match.cost_efficiency}};
}

Json to_json(const QuantizationEffect& effect) {
  return {{"compression_ratio", effect.ratio},
          {"memory_saving_percent", effect.memory_saving},
          {"model_size_reduction_mb", effect.size_reduction / kMegabyte},
          {"estimated_accuracy_degradation_percent", effect.accuracy_degradation},
          {"theoretical_speedup", effect.theoretical_speedup},
          {"memory_bandwidth_speedup", effect.bandwidth_speedup},
          {"recommended_for_deployment", effect.recommended}};
}

Json to_json(const PruningEffect& effect, double sparsity) {
  return {{"sparsity_ratio", sparsity},
          {"effective_compression_ratio", effect.effective},
          {"theoretical_speedup", effect.speedup},
          {"memory_saving_mb", effect.memory_saving / kMegabyte},
          {"estimated_accuracy_degradation_percent", effect.accuracy_degradation},
          {"hardware_efficiency", effect.efficiency},
          {"recommended_max_sparsity", effect.max_sparsity}};
}

}  // namespace presswork::modelkit
