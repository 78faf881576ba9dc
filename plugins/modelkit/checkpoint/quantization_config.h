// "quantization_config" of config.json: which modules are stored quantized, and how. Methods that are read:
// compressed-tensors, gptq, awq, bitsandbytes, fp8.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/modelkit/compute/int8_inputs.h"
#include "plugins/modelkit/formats/dtype.h"

namespace presswork::modelkit {

enum class PackedFormat {
  PackQuantized,   // compressed-tensors: small integers packed into I32 words
  IntQuantized,    // compressed-tensors: I8
  FloatQuantized,  // compressed-tensors: F8_E4M3 times a scale
  Gptq,            // AutoGPTQ, version 1
  GptqV2,
  AwqGemm,
  BitsAndBytes4,  // NF4 and FP4
  BlockFloat8     // quant_method "fp8" (Qwen 3 FP8): F8_E4M3 times a scale for each block
};

std::string_view name_of(PackedFormat format);

// How the weights of a group of modules are stored.
struct QuantizationScheme {
  PackedFormat format = PackedFormat::PackQuantized;
  int bits = 4;
  std::int64_t group_size = 0;  // inputs that share a scale; 0: the whole row
  std::int64_t block_rows = 0;  // rows that share it with them: eight-bit floats in blocks; 0: no blocks
  bool symmetric = true;
  bool per_tensor = false;                // one scale for the whole weight
  bool input_order = false;               // GPTQ with desc_act: g_idx says which group an input belongs to
  std::optional<Int8Inputs> inputs = {};  // W8A8; a static grid is each module's own, and not in here
  std::vector<std::string> targets;       // module names, "re:...", or the class name "Linear"

  bool operator==(const QuantizationScheme&) const = default;
};

struct QuantizationConfig {
  std::vector<QuantizationScheme> schemes;  // empty: nothing is quantized
  std::vector<std::string> ignore;
  bool head = false;  // the head is quantized too: GPTQ says so in a key of its own

  bool empty() const { return schemes.empty(); }
  // The scheme that covers a linear module, or nullptr when it is stored plain.
  const QuantizationScheme* scheme_for(std::string_view module) const;

  // From the text of config.json; empty when it has no quantization_config. Throws "unsupported" for another
  // method or format (naming those that are read), "corrupt_file" for nonsense.
  static QuantizationConfig parse(std::string_view config_text, const std::string& where);

  // `config_text` with "quantization_config" replaced by this one, everything else as it was; minimal keys
  // that old and new readers accept. Without schemes the key is removed. Methods other than
  // compressed-tensors have one scheme.
  std::string merged_into(std::string_view config_text, const std::string& where) const;

  // The value of that key alone, as GPTQ repeats it in quantize_config.json.
  std::string text(std::string_view config_text, const std::string& where) const;
};

// `config_text` of a model whose weights are stored as `dtype` now.
std::string with_dtype(std::string_view config_text, DType dtype, const std::string& where);

}  // namespace presswork::modelkit
