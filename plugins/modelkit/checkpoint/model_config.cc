#include "plugins/modelkit/checkpoint/model_config.h"

#include <nlohmann/json.hpp>

#include "plugins/modelkit/checkpoint/architecture.h"
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/formats/json_text.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

using Json = nlohmann::json;

struct ActivationName {
  Activation activation;
  std::string_view name;
};

constexpr ActivationName kActivationNames[] = {
    {Activation::Silu, "silu"},
    {Activation::Silu, "swish"},
    {Activation::Gelu, "gelu"},
    {Activation::Gelu, "gelu_python"},
    {Activation::GeluTanh, "gelu_pytorch_tanh"},
    {Activation::GeluTanh, "gelu_new"},
    {Activation::GeluTanh, "gelu_fast"},
    {Activation::GeluTanh, "gelu_accurate"},
    {Activation::GeluTanh, "gelu_python_tanh"},
    {Activation::GeluQuick, "quick_gelu"},
    {Activation::Relu, "relu"},
    {Activation::ReluSquared, "relu2"},
};

Activation read_activation(const ConfigReader& config, Activation otherwise) {
  // Gemma writes both, and its hidden_act is a relic.
  const char* key = config.present({"hidden_activation", "hidden_act", "activation_function", "activation"});
  const std::string name = config.text(key, "");
  if (name.empty()) return otherwise;
  for (const auto& known : kActivationNames) {
    if (known.name == name) return known.activation;
  }
  throw Error("unsupported", "the activation \"" + name + "\" is not supported", config.where() + "/" + key,
              "supported: " + names_of(kActivationNames));
}

std::optional<DType> read_dtype(const ConfigReader& config) {
  std::string name = config.text("dtype", config.text("torch_dtype", ""));
  if (name.starts_with("torch.")) name.erase(0, 6);
  if (name == "float32") return DType::F32;
  if (name == "float16") return DType::F16;
  if (name == "bfloat16") return DType::BF16;
  return std::nullopt;  // absent or "auto": the tensors themselves say
}

std::string read_architecture(const ConfigReader& config) {
  const std::string name = config.first_text("architectures");
  if (find_architecture(name) != nullptr) return name;
  throw Error("unsupported",
              name.empty() ? "names no architecture" : "the architecture " + name + " is not supported",
              config.where() + "/architectures", "supported: " + supported_architectures());
}

// Far above any model, low enough that products of two sizes stay in 64 bits.
constexpr std::int64_t kLargest = std::int64_t{1} << 30, kMostLayers = 10'000, kMostHeads = 1 << 20,
                       kMostTensors = 1'000'000;

void read_sizes(const ConfigReader& config, ModelConfig& model) {
  const auto size = [&](std::initializer_list<const char*> keys, std::int64_t limit) {
    return config.size(config.present(keys), limit);
  };
  model.vocab = size({"vocab_size"}, kLargest);
  model.hidden = size({"hidden_size", "n_embd", "d_model"}, kLargest);
  model.layers = size({"num_hidden_layers", "n_layer", "n_layers", "num_layers"}, kMostLayers);
  model.heads = size({"num_attention_heads", "n_head", "n_heads", "num_heads"}, kMostHeads);
  const char* intermediate = config.present({"intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"});
  if (config.has(intermediate)) model.intermediate = config.size(intermediate, kLargest);
  model.kv_heads =
      config.has("num_key_value_heads") ? config.size("num_key_value_heads", kMostHeads) : model.heads;
  if (config.has("head_dim")) {
    model.head_dim = config.size("head_dim", kMostHeads);
  } else if (model.hidden % model.heads == 0) {
    model.head_dim = model.hidden / model.heads;
  }
  model.max_position =
      config.integer(config.present({"max_position_embeddings", "n_positions", "max_sequence_length"}), 2048);
}

// What must hold after the architecture has had its say.
void check_sizes(const ModelConfig& model, const ConfigReader& config) {
  const auto fail = [&](const std::string& what) { throw Error("corrupt_file", what, config.where()); };
  if (model.heads % model.kv_heads != 0) {
    fail(std::to_string(model.heads) + " attention heads cannot share " + std::to_string(model.kv_heads) +
         " key-value heads evenly");
  }
  if (model.head_dim == 0) {
    fail("hidden_size " + std::to_string(model.hidden) + " is not a multiple of " +
         std::to_string(model.heads) + " heads, and head_dim is not given");
  }
  bool dense = model.kinds.empty(), sparse = false;
  for (const LayerKind& kind : model.kinds) (kind.experts ? sparse : dense) = true;
  if (dense && model.intermediate == 0) config.size("intermediate_size", kLargest);
  const Experts& e = model.experts;
  if (sparse && (e.count < 1 || e.count > kMostHeads || e.chosen < 1 || e.chosen > e.count ||
                 e.intermediate < 1 || e.intermediate > kLargest || e.shared_intermediate > kLargest ||
                 e.groups < 1 || e.count % e.groups != 0 || e.chosen_groups < 1 ||
                 e.chosen_groups > e.groups || e.chosen > e.count / e.groups * e.chosen_groups)) {
    fail("the numbers of experts, of those chosen, and their width do not fit together");
  }
  const std::int64_t norms = model.qk_norm == QkNorm::OwnHead ? 2 * model.heads : 2;
  if ((3 * (sparse ? e.count : 1) + norms + 16) * model.layers > kMostTensors)
    fail("the layers would have more than a million tensors");
  if (!(model.norm_eps > 0)) fail("the epsilon of the norms must be positive");
}

}  // namespace

ModelConfig ModelConfig::parse(std::string_view text, const std::string& where) {
  const Json json = parse_json(text, where);
  const ConfigReader config(json, where);
  ModelConfig model;
  model.architecture = read_architecture(config);
  const Architecture& architecture = architecture_of(model);
  model.modules = architecture.layer;
  read_sizes(config, model);
  model.kinds.resize(static_cast<std::size_t>(model.layers));
  model.norm_eps = config.number(
      config.present({"rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "norm_eps"}),
      architecture.norm_eps);
  model.activation = read_activation(config, architecture.activation);
  const Ropes ropes =
      read_ropes(config, model.max_position, architecture.rope_theta, architecture.partial_rotary_factor);
  model.rope = ropes.main;
  model.local_rope = ropes.local;
  model.qkv_bias = model.output_bias = config.boolean("attention_bias", false);
  model.mlp_bias = config.boolean("mlp_bias", false);
  model.tied_embeddings = config.boolean("tie_word_embeddings", architecture.tied_embeddings);
  model.dtype = read_dtype(config);
  model.eos_tokens = config.integers("eos_token_id");
  const auto bos = config.integers("bos_token_id");
  if (!bos.empty()) model.bos_token = bos.front();
  if (architecture.configure != nullptr) architecture.configure(config, model);
  check_sizes(model, config);
  return model;
}

}  // namespace presswork::modelkit
