// Mixtral: Mistral with a mixture of experts in every layer. w1 is the gate, w3 up, w2 down.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_mixtral(const ConfigReader& config, ModelConfig& model) {
  read_windows(config, model, [](std::int64_t) { return true; });
  model.experts.count = config.integer("num_local_experts", 8);
  model.experts.chosen = config.integer("num_experts_per_tok", 2);
  model.experts.intermediate = model.intermediate;
  for (LayerKind& kind : model.kinds) kind.experts = true;
}

}  // namespace

const Architecture kMixtral{
    .name = "MixtralForCausalLM",
    .layer = {.router = "block_sparse_moe.gate",
              .expert_gate = "block_sparse_moe.experts.*.w1",
              .expert_up = "block_sparse_moe.experts.*.w3",
              .expert_down = "block_sparse_moe.experts.*.w2"},
    .norm_eps = 1e-5,
    .rope_theta = 1e6,
    .configure = configure_mixtral,
};

}  // namespace presswork::modelkit
