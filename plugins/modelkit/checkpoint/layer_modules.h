// What the modules of a decoder layer are called.
#pragma once

#include <string_view>

namespace presswork::modelkit {

// Names relative to the layer ("model.layers.3."), as in the checkpoint. An empty name: the model has no such
// module. The defaults are Llama's; names must live forever (literals). A "*" stands for a number: that of
// the expert, or of the head in q_norm and k_norm where each head's norm is a module of its own.
struct LayerModules {
  std::string_view input_norm = "input_layernorm";         // before attention
  std::string_view attention_norm = {};                    // of attention's output, before it is added
  std::string_view mlp_norm = "post_attention_layernorm";  // before the MLP
  std::string_view mlp_output_norm = {};                   // of the MLP's output, before it is added

  std::string_view q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj";
  std::string_view qkv = {};  // one module instead of the three; their rows as FusedOrder says
  std::string_view o = "self_attn.o_proj";
  std::string_view q_norm = {}, k_norm = {};  // between projection and attention, as QkNorm says
  std::string_view sinks = {};                // a tensor, not a module: [H], a score for attending to nothing

  std::string_view gate = "mlp.gate_proj", up = "mlp.up_proj";  // without a gate: down(f(up(x)))
  std::string_view gate_up = {};  // one module instead of both: gate's rows first
  std::string_view down = "mlp.down_proj";

  // A mixture of experts instead, in the layers whose kind says so.
  std::string_view router = {};       // [E, C]; stays as it is, never quantized
  std::string_view router_bias = {};  // a tensor [E] or [1, E], added to the scores for choosing only
  std::string_view expert_gate = {}, expert_up = {}, expert_down = {};  // with "*": "mlp.experts.*.up_proj"
  std::string_view shared_gate = {}, shared_up = {},
                   shared_down = {};    // an expert that every token passes through
  std::string_view shared_router = {};  // [1, C]: its output times the sigmoid of this
};

}  // namespace presswork::modelkit
