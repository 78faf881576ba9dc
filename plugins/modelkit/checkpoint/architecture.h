// What one architecture's modules are called and which shapes they have: data, one small file each in
// architectures/. Everything that walks a model (verification, quantization, the forward pass) asks here.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/modelkit/checkpoint/model_config.h"
#include "plugins/modelkit/formats/safetensors.h"

namespace presswork::modelkit {

// A linear module: weight [out, in], bias [out] when `bias`.
struct LinearSite {
  std::string module;  // inside a layer relative ("self_attn.q_proj"), else whole ("lm_head")
  std::int64_t out = 0;
  std::int64_t in = 0;
  bool bias = false;
};

// Any other tensor of a layer, by its name relative to the layer ("input_layernorm.weight").
struct TensorSite {
  std::string tensor;
  Shape shape;
};

struct LayerSites {
  std::vector<LinearSite> linears;  // in the order in which the forward pass uses them
  std::vector<TensorSite> others;
};

struct Architecture {
  std::string_view name;  // as in "architectures" of config.json
  // Reads what only this architecture has, after the common keys are filled in; may be null.
  void (*read_config)(const nlohmann::json& config, ModelConfig& model);
  LayerSites (*layer)(const ModelConfig& model, std::int64_t index);
  std::string_view embedding = "model.embed_tokens";
  std::string_view layers = "model.layers";
  std::string_view final_norm = "model.norm";
  std::string_view head = "lm_head";
};

const Architecture* find_architecture(std::string_view name);  // nullptr when unknown
const Architecture& architecture_of(const ModelConfig& model);
std::string supported_architectures();  // "LlamaForCausalLM, ..."

// "model.layers.3"
std::string layer_prefix(const ModelConfig& model, std::int64_t index);

// Whole module names of every linear of the decoder's layers, layer by layer (`lm_head` is not among them).
std::vector<LinearSite> decoder_linears(const ModelConfig& model);

// The head as a linear module: `lm_head`, or the embedding when `lm_head` is tied to it.
LinearSite head_linear(const ModelConfig& model);

// Every tensor that an uncompressed checkpoint of this model has, by whole name.
std::vector<TensorSite> expected_tensors(const ModelConfig& model);

}  // namespace presswork::modelkit
