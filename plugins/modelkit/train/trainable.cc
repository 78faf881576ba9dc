#include "plugins/modelkit/train/trainable.h"

#include <string>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

void refuse(const ModelConfig& model, bool has, const std::string& feature) {
  if (!has) return;
  throw Error("unsupported", "training has no backward pass for " + feature + ", which this model has",
              model.architecture,
              "quantize it without training: quantize/gptq and quantize/awq take every architecture");
}

}  // namespace

void require_trainable_layers(const ModelConfig& model) {
  const LayerModules& names = model.modules;
  bool experts = false;
  for (std::int64_t layer = 0; layer < model.layers; ++layer) experts |= model.kind(layer).experts;
  refuse(model, experts, "a mixture of experts");
  refuse(model, model.parallel, "attention and MLP in parallel");
  refuse(model, model.norm.centred || model.norm.bias, "LayerNorm");
  refuse(model, names.input_norm.empty() || names.mlp_norm.empty(), "layers without a norm at their inputs");
  refuse(model, !names.attention_norm.empty() || !names.mlp_output_norm.empty(), "norms behind a block");
  refuse(model, model.qk_norm != QkNorm::None, "norms of queries and keys");
  refuse(model, !names.qkv.empty(), "fused q, k and v weights");
  refuse(model, !names.gate_up.empty(), "fused gate and up weights");
  refuse(model, names.gate.empty(), "an MLP without a gate");
  refuse(model, !names.sinks.empty(), "attention sinks");
  refuse(model, model.qkv_limit > 0, "limits of q, k and v");
  refuse(model, model.residual_scale != 1.0, "a scale of what a block adds");
}

void require_trainable_head(const ModelConfig& model) {
  refuse(model, model.head_bias, "a bias of the head");
  refuse(model, model.logit_softcap > 0, "capped logits");
}

}  // namespace presswork::modelkit
