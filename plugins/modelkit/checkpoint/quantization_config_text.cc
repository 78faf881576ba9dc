// QuantizationConfig as JSON: the keys that the readers of each method need, and no others (an unknown key is
// an error to compressed-tensors).
#include <algorithm>
#include <nlohmann/json.hpp>

#include "plugins/modelkit/checkpoint/quantization_config.h"
#include "plugins/modelkit/formats/json_text.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

using Json = nlohmann::ordered_json;

Json compressed_group(const QuantizationScheme& scheme) {
  const bool floats = scheme.format == PackedFormat::FloatQuantized;
  Json weights = {
      {"num_bits", scheme.bits}, {"type", floats ? "float" : "int"}, {"symmetric", scheme.symmetric}};
  weights["strategy"] = scheme.per_tensor ? "tensor" : scheme.group_size == 0 ? "channel" : "group";
  if (scheme.group_size != 0) weights["group_size"] = scheme.group_size;
  weights["dynamic"] = false;
  Json inputs = nullptr;
  if (scheme.inputs) {
    inputs = {{"num_bits", 8},
              {"type", "int"},
              {"symmetric", scheme.inputs->symmetric},
              {"strategy", scheme.inputs->dynamic ? "token" : "tensor"},
              {"dynamic", scheme.inputs->dynamic}};
  }
  return {{"targets", scheme.targets},
          {"weights", weights},
          {"input_activations", inputs},
          {"output_activations", nullptr}};
}

Json compressed_json(const QuantizationConfig& config) {
  Json groups = Json::object();
  for (const QuantizationScheme& scheme : config.schemes) {
    groups["group_" + std::to_string(groups.size())] = compressed_group(scheme);
  }
  return {{"quant_method", "compressed-tensors"},
          {"format", name_of(config.schemes.front().format)},
          {"quantization_status", "compressed"},
          {"global_compression_ratio", nullptr},
          {"kv_cache_scheme", nullptr},
          {"ignore", config.ignore},
          {"config_groups", groups}};
}

// What is kept besides the head, which readers of the other methods keep anyway.
std::vector<std::string> kept_linears(const QuantizationConfig& config) {
  std::vector<std::string> names;
  std::copy_if(config.ignore.begin(), config.ignore.end(), std::back_inserter(names),
               [](const std::string& name) { return name != "lm_head"; });
  return names;
}

std::int64_t group_size_or_all(const QuantizationScheme& scheme) {
  return scheme.group_size == 0 ? -1 : scheme.group_size;
}

// "-:" before a pattern of GPTQModel's "dynamic" excludes what matches.
std::string exclusion(const std::string& module) {
  std::string pattern = "-:";
  for (const char c : module) pattern += c == '.' ? std::string("\\.") : std::string(1, c);
  return pattern + "$";
}

Json gptq_json(const QuantizationConfig& config) {
  const QuantizationScheme& scheme = config.schemes.front();
  Json json = {{"bits", scheme.bits},
               {"group_size", group_size_or_all(scheme)},
               {"damp_percent", 0.01},
               {"desc_act", scheme.input_order},
               {"static_groups", false},
               {"sym", scheme.symmetric},
               {"true_sequential", true},
               {"quant_method", "gptq"},
               {"checkpoint_format", name_of(scheme.format)},
               {"lm_head", config.head},
               {"model_name_or_path", nullptr},
               {"model_file_base_name", nullptr}};
  for (const std::string& module : kept_linears(config)) json["dynamic"][exclusion(module)] = Json::object();
  return json;
}

Json awq_json(const QuantizationConfig& config) {
  const QuantizationScheme& scheme = config.schemes.front();
  Json json = {{"quant_method", "awq"},
               {"zero_point", true},
               {"group_size", group_size_or_all(scheme)},
               {"bits", 4},
               {"version", "gemm"},
               {"modules_to_not_convert", nullptr}};
  if (!kept_linears(config).empty()) json["modules_to_not_convert"] = config.ignore;
  return json;
}

Json bitsandbytes_json(const QuantizationConfig& config, const std::string& dtype) {
  Json json = {{"quant_method", "bitsandbytes"},
               {"load_in_4bit", true},
               {"load_in_8bit", false},
               {"_load_in_4bit", true},
               {"_load_in_8bit", false},
               {"bnb_4bit_quant_type", "nf4"},
               {"bnb_4bit_use_double_quant", false},
               {"bnb_4bit_compute_dtype", dtype},
               {"bnb_4bit_quant_storage", "uint8"},
               {"llm_int8_enable_fp32_cpu_offload", false},
               {"llm_int8_has_fp16_weight", false},
               {"llm_int8_skip_modules", nullptr},
               {"llm_int8_threshold", 6.0}};
  if (config.head || !kept_linears(config).empty()) json["llm_int8_skip_modules"] = config.ignore;
  return json;
}

std::string dtype_of(const Json& config) {
  for (const char* key : {"dtype", "torch_dtype"}) {
    if (const auto found = config.find(key); found != config.end() && found->is_string())
      return found->get<std::string>();
  }
  return "float32";
}

Json method_json(const QuantizationConfig& config, const Json& model) {
  switch (config.schemes.front().format) {
    case PackedFormat::Gptq:
    case PackedFormat::GptqV2:
      return gptq_json(config);
    case PackedFormat::AwqGemm:
      return awq_json(config);
    case PackedFormat::BitsAndBytes4:
      return bitsandbytes_json(config, dtype_of(model));
    default:
      return compressed_json(config);
  }
}

Json parsed(std::string_view config_text, const std::string& where) {
  Json config = parse_json(config_text, where);
  if (!config.is_object()) throw Error("corrupt_file", "a JSON object is expected", where);
  return config;
}

}  // namespace

std::string QuantizationConfig::merged_into(std::string_view config_text, const std::string& where) const {
  Json config = parsed(config_text, where);
  config.erase("compression_config");
  config.erase("quantization_config");
  if (!schemes.empty()) config["quantization_config"] = method_json(*this, config);
  return config.dump(2) + "\n";
}

std::string QuantizationConfig::text(std::string_view config_text, const std::string& where) const {
  return method_json(*this, parsed(config_text, where)).dump(2) + "\n";
}

std::string with_dtype(std::string_view config_text, DType dtype, const std::string& where) {
  Json config = parsed(config_text, where);
  const bool old_name = config.contains("torch_dtype");
  if (old_name) config["torch_dtype"] = torch_name_of(dtype);
  if (!old_name || config.contains("dtype")) config["dtype"] = torch_name_of(dtype);
  return config.dump(2) + "\n";
}

}  // namespace presswork::modelkit
