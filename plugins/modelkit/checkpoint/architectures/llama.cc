// Llama 1, 2, 3.x and their kin: pre-norm decoder, grouped-query attention, gated MLP, optional biases.
#include "plugins/modelkit/checkpoint/architectures/all.h"

namespace presswork::modelkit {
namespace {

LayerSites layer(const ModelConfig& m, std::int64_t /*index*/) {
  const std::int64_t q = m.heads * m.head_dim;
  const std::int64_t kv = m.kv_heads * m.head_dim;
  return {.linears =
              {
                  {"self_attn.q_proj", q, m.hidden, m.attention_bias},
                  {"self_attn.k_proj", kv, m.hidden, m.attention_bias},
                  {"self_attn.v_proj", kv, m.hidden, m.attention_bias},
                  {"self_attn.o_proj", m.hidden, q, m.attention_bias},
                  {"mlp.gate_proj", m.intermediate, m.hidden, m.mlp_bias},
                  {"mlp.up_proj", m.intermediate, m.hidden, m.mlp_bias},
                  {"mlp.down_proj", m.hidden, m.intermediate, m.mlp_bias},
              },
          .others = {
              {"input_layernorm.weight", {m.hidden}},
              {"post_attention_layernorm.weight", {m.hidden}},
          }};
}

}  // namespace

const Architecture kLlama{.name = "LlamaForCausalLM", .read_config = nullptr, .layer = layer};

}  // namespace presswork::modelkit
