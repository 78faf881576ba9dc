// MiniMax M2: experts in every layer, chosen by sigmoids with a bias; one norm over the whole of q and of k;
// rope on a part of each head.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_minimax_m2(const ConfigReader& config, ModelConfig& model) {
  model.qk_norm = QkNorm::Whole;
  if (!config.has("head_dim")) model.head_dim = 128;
  if (config.has("rotary_dim")) {
    model.rope.partial_rotary_factor =
        static_cast<double>(config.size("rotary_dim", model.head_dim)) / static_cast<double>(model.head_dim);
  }
  model.experts = {.count = config.size("num_local_experts", 1 << 20),
                   .chosen = config.size("num_experts_per_tok", 1 << 20),
                   .intermediate = model.intermediate,
                   .sigmoid = true};
  for (LayerKind& kind : model.kinds) kind.experts = true;
}

}  // namespace

const Architecture kMiniMaxM2{
    .name = "MiniMaxM2ForCausalLM",
    .layer = {.q_norm = "self_attn.q_norm",
              .k_norm = "self_attn.k_norm",
              .router = "block_sparse_moe.gate",
              .router_bias = "block_sparse_moe.e_score_correction_bias",
              .expert_gate = "block_sparse_moe.experts.*.w1",
              .expert_up = "block_sparse_moe.experts.*.w3",
              .expert_down = "block_sparse_moe.experts.*.w2"},
    .rope_theta = 5e6,
    .configure = configure_minimax_m2,
};

}  // namespace presswork::modelkit
