// What a model is: config.json in one spelling, with what its architecture adds. Hugging Face writes the same
// facts in several ways (torch_dtype or dtype; rope_theta and rope_scaling, or rope_parameters; n_embd or
// hidden_size); readers here see only this struct, and the generic decoder (model/) interprets it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/modelkit/checkpoint/layer_modules.h"
#include "plugins/modelkit/checkpoint/rope.h"
#include "plugins/modelkit/compute/activation.h"
#include "plugins/modelkit/formats/dtype.h"

namespace presswork::modelkit {

// How a norm works: x / rms(x), or with `centred` (x - mean(x)) / deviation(x); then times its weight, plus
// its bias.
struct NormStyle {
  bool centred = false;   // LayerNorm rather than RMSNorm
  bool weight = true;     // false: there is no weight tensor, all ones
  bool plus_one = false;  // times 1 + weight
  bool bias = false;
};

// Norms of queries and keys.
enum class QkNorm {
  None,
  Head,     // each head alone, one weight [D] for all
  OwnHead,  // each head alone with its own: weight [heads, D], or a module for each head
  Whole     // the whole projection [heads * D] at once
};

// The rows of a fused q, k, v weight.
enum class FusedOrder {
  Stacked,  // all of q, then k, then v
  ByGroup,  // for each key/value head: its query heads, the key head, the value head
};

enum class LayerRope { Main, Local, None };

// Where layers of one model differ.
struct LayerKind {
  std::int64_t window = 0;  // keys that a query sees, itself included; 0: all before it
  LayerRope rope = LayerRope::Main;
  bool experts = false;  // a mixture of experts takes the place of the MLP
};

// A mixture of experts: the router's scores pick `chosen` of `count` for each token; their outputs are added,
// weighted by the scores.
struct Experts {
  std::int64_t count = 0, chosen = 0;
  std::int64_t intermediate = 0;               // width of one
  std::int64_t shared_intermediate = 0;        // width of the one that all tokens pass; 0: none
  bool sigmoid = false;                        // scores are sigmoids, not a softmax over all experts
  bool normalized = true;                      // the chosen scores are divided by their sum
  double scale = 1.0;                          // of the weights, at the end
  bool router_bias = false;                    // the router is a linear with a bias
  bool bias_is_row = false;                    // the bias for choosing is stored as [1, E]
  std::int64_t groups = 1, chosen_groups = 1;  // only experts of the best groups may be chosen
};

struct ModelConfig {
  std::string architecture;  // "LlamaForCausalLM"
  LayerModules modules;

  std::int64_t vocab = 0;
  std::int64_t hidden = 0;
  std::int64_t intermediate = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t max_position = 0;
  std::vector<LayerKind> kinds;  // [layers]; or empty: all layers are LayerKind{}

  NormStyle norm;
  double norm_eps = 1e-6;
  QkNorm qk_norm = QkNorm::None;
  NormStyle qk_norm_style;
  bool qk_norm_after_rope = false;

  Rope rope;
  std::optional<Rope> local_rope;
  bool rope_interleaved = false;  // pairs (2i, 2i + 1) instead of (i, i + D / 2)

  bool parallel = false;  // attention and MLP read the same states; without an mlp_norm also the same norm
  FusedOrder fused_order = FusedOrder::Stacked;
  bool qkv_bias = false, output_bias = false;  // of q, k, v; of o
  bool mlp_bias = false;                       // of gate, up and down
  bool head_bias = false;                      // of lm_head
  Activation activation = Activation::Silu;
  Experts experts;

  std::optional<double> attention_scale;  // of the scores; without: 1 / sqrt(head_dim)
  double attention_softcap = 0;           // scores become cap * tanh(score / cap); 0: they stay
  double qkv_limit = 0;                   // q, k and v are limited to [-limit, limit]; 0: they are not
  double embedding_scale = 1, residual_scale = 1;  // of embeddings; of what each block adds
  double logit_scale = 1;
  double logit_softcap = 0;  // after the scale

  bool tied_embeddings = false;
  std::optional<DType> dtype;  // of the stored weights, when config.json says so
  std::optional<std::int64_t> bos_token;
  std::vector<std::int64_t> eos_tokens;  // may be empty

  LayerKind kind(std::int64_t layer) const {
    return kinds.empty() ? LayerKind{} : kinds.at(static_cast<std::size_t>(layer));
  }

  // Parses the text of config.json. `where` (the file's path) goes into errors: "corrupt_file" for text that
  // is not JSON or values out of range, "unsupported" for an architecture, activation or rope kind that is
  // not known (the message lists what is).
  static ModelConfig parse(std::string_view text, const std::string& where);
};

}  // namespace presswork::modelkit
