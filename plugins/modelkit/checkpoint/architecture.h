// Architectures as data: one small file each in model/architectures/, and how their modules' shapes follow
// from it. Everything that walks a model (verification, quantization, the forward pass) asks here.
// docs/adding-an-architecture.md leads through a new one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/modelkit/checkpoint/model_config.h"
#include "plugins/modelkit/formats/safetensors.h"

namespace presswork::modelkit {

class ConfigReader;

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
  std::vector<LinearSite> routers;  // linears that choose experts: too small and too sensitive to compress
  std::vector<TensorSite> others;
};

struct Architecture {
  std::string_view name;  // as in "architectures" of config.json
  LayerModules layer = {};
  std::string_view embedding = "model.embed_tokens";
  std::string_view embedding_norm = {};  // right after it, in the style of the other norms
  std::string_view positions = {};       // a table of learned positions, added to the embeddings
  std::int64_t first_position = 0;       // row of the table for the first token
  std::string_view layers = "model.layers";
  std::string_view final_norm = "model.norm";
  std::string_view head = "lm_head";

  // For config.json files that leave the key out.
  bool tied_embeddings = false;
  double norm_eps = 1e-6;
  double rope_theta = 10000.0;
  double partial_rotary_factor = 1.0;
  Activation activation = Activation::Silu;

  // Fills in what follows from this architecture's own keys, after the common ones are read; may be null.
  void (*configure)(const ConfigReader& config, ModelConfig& model) = nullptr;
};

const Architecture* find_architecture(std::string_view name);  // nullptr when unknown
const Architecture& architecture_of(const ModelConfig& model);
std::string supported_architectures();  // "LlamaForCausalLM, ..."

// "model.layers.3"
std::string layer_prefix(const ModelConfig& model, std::int64_t index);

// A module's name with the number in the place of its "*".
std::string numbered(std::string_view name, std::int64_t number);

// The modules of layer `index`, relative to it.
LayerSites layer_sites(const ModelConfig& model, std::int64_t index);

// Whole module names of every linear of the decoder's layers, layer by layer (`lm_head` is not among them,
// nor are routers).
std::vector<LinearSite> decoder_linears(const ModelConfig& model);
std::vector<LinearSite> decoder_routers(const ModelConfig& model);

// The head as a linear module: `lm_head`, or the embedding when `lm_head` is tied to it.
LinearSite head_linear(const ModelConfig& model);

// The other name under which a tied model may store the table that is both embedding and head ("lm_head").
std::string_view tied_alias(const ModelConfig& model, std::string_view module);  // "": none

// Every tensor that an uncompressed checkpoint of this model has, by whole name.
std::vector<TensorSite> expected_tensors(const ModelConfig& model);

}  // namespace presswork::modelkit
