#include "plugins/modelkit/checkpoint/quantization_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/checkpoint/module_pattern.h"
#include "plugins/modelkit/formats/json_text.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

using Json = nlohmann::json;

bool any_matches(const std::vector<std::string>& patterns, std::string_view module) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return pattern == "Linear" || ModulePattern(pattern).matches(module);
  });
}

PackedFormat read_format(const std::string& name, const std::string& where) {
  for (const PackedFormat known :
       {PackedFormat::PackQuantized, PackedFormat::IntQuantized, PackedFormat::FloatQuantized}) {
    if (name == name_of(known)) return known;
  }
  throw Error("unsupported", "the compressed-tensors format \"" + name + "\" is not supported", where,
              "supported: pack-quantized, int-quantized, float-quantized");
}

std::vector<std::string> read_names(const Json& object, const char* key, const std::string& where) {
  std::vector<std::string> names;
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return names;
  if (!found->is_array()) throw Error("corrupt_file", "a list of names is expected", where + "/" + key);
  for (const Json& name : *found) {
    if (!name.is_string()) throw Error("corrupt_file", "a list of names is expected", where + "/" + key);
    names.push_back(name.get<std::string>());
  }
  return names;
}

void read_block(const std::vector<std::int64_t>& block, const std::string& where,
                QuantizationScheme& scheme) {
  constexpr std::int64_t kLargest = 1 << 20;
  if (block.size() != 2 || block[0] < 1 || block[1] < 1 || block[0] > kLargest || block[1] > kLargest)
    throw Error("corrupt_file", "the rows and columns of a block are expected, like [128, 128]", where);
  scheme.block_rows = block[0];
  scheme.group_size = block[1];
}

// Eight-bit floats as inputs change less than their weights do, and are left as they are.
std::optional<Int8Inputs> read_inputs(const ConfigReader& inputs) {
  if (inputs.text("type", "int") == "float") return {};
  const std::int64_t bits = inputs.integer("num_bits", 8);
  const Int8Inputs found{.dynamic = inputs.boolean("dynamic", false),
                         .symmetric = inputs.boolean("symmetric", true)};
  const std::string known = found.dynamic ? "token" : "tensor", strategy = inputs.text("strategy", known);
  if (bits == 8 && strategy == known) return found;
  throw Error("unsupported",
              "inputs quantized to " + std::to_string(bits) + " bits by " + strategy + " are not supported",
              inputs.where(), "supported: 8 bits, dynamic by token or static by tensor");
}

QuantizationScheme read_scheme(const Json& group, const std::string& default_format,
                               const std::string& where) {
  const ConfigReader reader(group, where);
  QuantizationScheme scheme;
  scheme.format = read_format(reader.text("format", default_format), where + "/format");
  scheme.targets = read_names(group, "targets", where);
  const ConfigReader weights = reader.object("weights");
  const std::string type = weights.text("type", "int");
  const std::int64_t bits = weights.integer("num_bits", 8);
  const bool floats = scheme.format == PackedFormat::FloatQuantized;
  if (type != (floats ? "float" : "int") || bits < (floats ? 8 : 2) || bits > 8) {
    throw Error("unsupported",
                "weights of type " + type + " with " + std::to_string(bits) + " bits are not supported as " +
                    std::string(name_of(scheme.format)),
                weights.where(), "supported: int with 2 to 8 bits, float with 8 bits as float-quantized");
  }
  scheme.bits = static_cast<int>(bits);
  scheme.symmetric = weights.boolean("symmetric", true);
  const std::int64_t group_size = weights.integer("group_size", 0);
  const auto block = weights.integers("block_structure");
  const std::string strategy = weights.text("strategy", group_size > 0   ? "group"
                                                        : group_size < 0 ? "channel"
                                                                         : "tensor");
  if (strategy == "group" && group_size > 0) {
    scheme.group_size = group_size;
  } else if (strategy == "block" && floats) {
    read_block(block, weights.where() + "/block_structure", scheme);
  } else if (strategy != "channel" && strategy != "tensor") {
    throw Error("unsupported", "weights quantized by " + strategy + " are not supported", weights.where(),
                "supported: group (with a group_size), channel, tensor; block for float-quantized");
  }
  scheme.per_tensor = strategy == "tensor";
  if (reader.has("input_activations")) scheme.inputs = read_inputs(reader.object("input_activations"));
  return scheme;
}

[[noreturn]] void unsupported(const ConfigReader& config, const std::string& what, const char* supported) {
  throw Error("unsupported", what, config.where(), supported);
}

// Inputs that share a scale; -1 in the file: all.
std::int64_t read_group_size(const ConfigReader& config) {
  const std::int64_t size = config.integer("group_size", 128);
  if (size == -1) return 0;
  return config.size("group_size", std::int64_t{1} << 30);
}

QuantizationScheme read_gptq(const ConfigReader& config) {
  QuantizationScheme scheme;
  const std::string format = config.text(config.present({"checkpoint_format", "format"}), "gptq");
  if (format != "gptq" && format != "gptq_v2")
    unsupported(config, "the GPTQ checkpoint format \"" + format + "\" is not supported",
                "supported: gptq, gptq_v2");
  scheme.format = format == "gptq" ? PackedFormat::Gptq : PackedFormat::GptqV2;
  scheme.bits = static_cast<int>(config.size("bits", 8));
  if (scheme.bits < 2 || (scheme.bits > 4 && scheme.bits != 8))
    unsupported(config, "GPTQ weights of " + std::to_string(scheme.bits) + " bits are not supported",
                "supported: 2, 3, 4, 8");
  scheme.group_size = read_group_size(config);
  scheme.symmetric = config.boolean("sym", true);
  scheme.input_order = config.boolean("desc_act", false);
  return scheme;
}

QuantizationScheme read_awq(const ConfigReader& config) {
  QuantizationScheme scheme;
  const std::string version = config.text("version", "gemm");
  if (version != "gemm" && version != "GEMM")
    unsupported(config, "the AWQ version \"" + version + "\" is not supported", "supported: gemm");
  if (config.integer(config.present({"bits", "w_bit"}), 4) != 4)
    unsupported(config, "AWQ weights of other than 4 bits are not supported", "supported: 4");
  scheme.format = PackedFormat::AwqGemm;
  scheme.group_size = read_group_size(config);
  scheme.symmetric = !config.boolean("zero_point", true);
  return scheme;
}

QuantizationScheme read_bitsandbytes(const ConfigReader& config) {
  if (!config.boolean("load_in_4bit", config.boolean("_load_in_4bit", false)))
    unsupported(config, "bitsandbytes weights of 8 bits are not supported", "supported: load_in_4bit");
  QuantizationScheme scheme;
  scheme.format = PackedFormat::BitsAndBytes4;
  return scheme;
}

// One scale for each block, or for each tensor where no block is given.
QuantizationScheme read_fp8(const ConfigReader& config) {
  QuantizationScheme scheme;
  scheme.format = PackedFormat::BlockFloat8;
  scheme.bits = 8;
  if (config.has("weight_block_size"))
    read_block(config.integers("weight_block_size"), config.where() + "/weight_block_size", scheme);
  return scheme;
}

QuantizationConfig read_other_method(const Json& json, const ConfigReader& config,
                                     const std::string& method) {
  QuantizationConfig result;
  if (method == "gptq") {
    result.schemes = {read_gptq(config)};
  } else if (method == "awq") {
    result.schemes = {read_awq(config)};
    result.ignore = read_names(json, "modules_to_not_convert", config.where());
  } else if (method == "bitsandbytes") {
    result.schemes = {read_bitsandbytes(config)};
    result.ignore = read_names(json, "llm_int8_skip_modules", config.where());
  } else if (method == "fp8") {
    result.schemes = {read_fp8(config)};
    result.ignore = read_names(json, "modules_to_not_convert", config.where());
  } else {
    unsupported(config, "the model is quantized with \"" + method + "\", which is not read yet",
                "supported: compressed-tensors, gptq, awq, bitsandbytes, fp8; or start from the original, "
                "unquantized model");
  }
  result.schemes.front().targets = {"Linear"};
  return result;
}

}  // namespace

std::string_view name_of(PackedFormat format) {
  switch (format) {
    case PackedFormat::PackQuantized:
      return "pack-quantized";
    case PackedFormat::IntQuantized:
      return "int-quantized";
    case PackedFormat::FloatQuantized:
      return "float-quantized";
    case PackedFormat::Gptq:
      return "gptq";
    case PackedFormat::GptqV2:
      return "gptq_v2";
    case PackedFormat::AwqGemm:
      return "gemm";
    case PackedFormat::BlockFloat8:
      return "fp8";
    case PackedFormat::BitsAndBytes4:
      break;
  }
  return "bitsandbytes";
}

const QuantizationScheme* QuantizationConfig::scheme_for(std::string_view module) const {
  if (any_matches(ignore, module)) return nullptr;
  // An exact or pattern target is stronger than the class name.
  for (const bool by_class : {false, true}) {
    for (const QuantizationScheme& scheme : schemes) {
      for (const std::string& target : scheme.targets) {
        const bool is_class = target == "Linear";
        if (is_class == by_class && (is_class || ModulePattern(target).matches(module))) return &scheme;
      }
    }
  }
  return nullptr;
}

QuantizationConfig QuantizationConfig::parse(std::string_view config_text, const std::string& where) {
  const Json config = parse_json(config_text, where);
  QuantizationConfig result;
  const ConfigReader top(config, where);
  const char* key =
      top.has("quantization_config") ? "quantization_config" : "compression_config";  // older name
  if (!top.has(key)) return result;
  const Json& json = config.at(key);
  const std::string place = where + "/" + key;
  const ConfigReader reader(json, place);
  const std::string method = reader.text("quant_method", "");
  if (method != "compressed-tensors") return read_other_method(json, reader, method);
  result.ignore = read_names(json, "ignore", place);
  const std::string format = reader.text("format", "");
  const auto groups = json.find("config_groups");
  if (groups == json.end() || !groups->is_object()) return result;
  for (const auto& [name, group] : groups->items()) {
    result.schemes.push_back(read_scheme(group, format, place + "/config_groups/" + name));
  }
  return result;
}

}  // namespace presswork::modelkit
