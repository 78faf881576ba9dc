#include "plugins/modelkit/checkpoint/quantized_linear.h"

#include "plugins/modelkit/checkpoint/awq.h"
#include "plugins/modelkit/checkpoint/bitsandbytes.h"
#include "plugins/modelkit/checkpoint/compressed_tensors.h"
#include "plugins/modelkit/checkpoint/float8.h"
#include "plugins/modelkit/checkpoint/gptq.h"
#include "plugins/modelkit/formats/bit_packing.h"

namespace presswork::modelkit {
namespace {

std::int64_t groups_in(const QuantizationScheme& scheme, std::int64_t in) {
  return scheme.group_size == 0 ? 1 : (in + scheme.group_size - 1) / scheme.group_size;
}

std::vector<StoredPart> compressed_parts(const std::string& module, std::int64_t out, std::int64_t in,
                                         const QuantizationScheme& scheme) {
  std::vector<StoredPart> parts;
  for (const TensorPlan& plan : compressed_plan(module, out, in, scheme, DType::F32)) {
    if (plan.name.ends_with("_scale")) {
      parts.push_back({plan.name, std::nullopt, std::nullopt});  // [out, groups], [out], [1] or []
    } else if (plan.name.ends_with(".input_zero_point")) {
      parts.push_back({plan.name, plan.dtype, std::nullopt});  // [1] or []
    } else {
      parts.push_back({plan.name, plan.dtype, plan.shape});
    }
  }
  parts.push_back({module + ".weight_g_idx", DType::I32, Shape{in}, false});
  const bool fixed = scheme.inputs && !scheme.inputs->dynamic;
  if (!fixed) parts.push_back({module + ".input_scale", std::nullopt, std::nullopt, false});
  if (!fixed || scheme.inputs->symmetric)
    parts.push_back({module + ".input_zero_point", DType::I8, std::nullopt, false});
  parts.push_back({module + ".output_scale", std::nullopt, std::nullopt, false});
  return parts;
}

}  // namespace

LinearWeight read_quantized_linear(const Checkpoint& checkpoint, const QuantizationScheme& scheme,
                                   const std::string& module) {
  switch (scheme.format) {
    case PackedFormat::PackQuantized:
    case PackedFormat::IntQuantized:
    case PackedFormat::FloatQuantized:
      return read_compressed_linear(checkpoint, scheme, module);
    case PackedFormat::Gptq:
    case PackedFormat::GptqV2:
      return read_gptq_linear(checkpoint, scheme, module);
    case PackedFormat::AwqGemm:
      return read_awq_linear(checkpoint, scheme, module);
    case PackedFormat::BlockFloat8:
      return read_float8_linear(checkpoint, scheme, module, ".weight_scale_inv");
    case PackedFormat::BitsAndBytes4:
      break;
  }
  return read_bitsandbytes_linear(checkpoint, module);
}

std::vector<StoredPart> stored_parts(const std::string& module, std::int64_t out, std::int64_t in,
                                     const QuantizationScheme& scheme) {
  const std::int64_t groups = groups_in(scheme, in), words = packed_words(out, scheme.bits);
  const auto part = [&](const char* ending, std::optional<DType> dtype, std::optional<Shape> shape,
                        bool required = true) {
    return StoredPart{module + ending, dtype, std::move(shape), required};
  };
  switch (scheme.format) {
    case PackedFormat::PackQuantized:
    case PackedFormat::IntQuantized:
    case PackedFormat::FloatQuantized:
      return compressed_parts(module, out, in, scheme);
    case PackedFormat::Gptq:
    case PackedFormat::GptqV2:
      return {part(".qweight", DType::I32, Shape{packed_words(in, scheme.bits), out}),
              part(".qzeros", DType::I32, Shape{groups, words}),
              part(".scales", std::nullopt, Shape{groups, out}), part(".g_idx", DType::I32, Shape{in}, false),
              part(".bias", std::nullopt, Shape{out}, false)};
    case PackedFormat::AwqGemm:
      return {part(".qweight", DType::I32, Shape{in, out / 8}),
              part(".qzeros", DType::I32, Shape{groups, out / 8}),
              part(".scales", std::nullopt, Shape{groups, out}),
              part(".bias", std::nullopt, Shape{out}, false)};
    case PackedFormat::BlockFloat8:
      return {part(".weight", DType::F8_E4M3, Shape{out, in}),
              part(".weight_scale_inv", std::nullopt, std::nullopt),  // of blocks, or [] or [1]
              part(".activation_scale", std::nullopt, std::nullopt, false),
              part(".bias", std::nullopt, Shape{out}, false)};
    case PackedFormat::BitsAndBytes4:
      break;
  }
  return {part(".weight", DType::U8, Shape{(out * in + 1) / 2, 1}),
          // F32 [blocks], or U8 [blocks] with the nested ones.
          {module + ".weight.absmax", std::nullopt, std::nullopt, false},
          part(".weight.quant_map", std::nullopt, Shape{16}),
          part(".weight.nested_absmax", std::nullopt, std::nullopt, false),
          part(".weight.nested_quant_map", std::nullopt, Shape{256}, false),
          part(".weight.quant_state.bitsandbytes__nf4", DType::U8, std::nullopt, false),
          part(".weight.quant_state.bitsandbytes__fp4", DType::U8, std::nullopt, false)};
}

std::vector<TensorPlan> written_plan(const std::string& module, std::int64_t out, std::int64_t in,
                                     const QuantizationScheme& scheme, DType dtype) {
  switch (scheme.format) {
    case PackedFormat::Gptq:
    case PackedFormat::GptqV2:
      return gptq_plan(module, out, in, scheme);
    case PackedFormat::AwqGemm:
      return awq_plan(module, out, in, scheme);
    case PackedFormat::BitsAndBytes4:
      return bitsandbytes_plan(module, out, in, dtype);
    default:
      return compressed_plan(module, out, in, scheme, dtype);
  }
}

std::vector<NamedBytes> written_data(const std::string& module, const LinearWeight& weight,
                                     const QuantizationScheme& scheme, DType dtype) {
  switch (scheme.format) {
    case PackedFormat::Gptq:
    case PackedFormat::GptqV2:
      return gptq_data(module, weight, scheme);
    case PackedFormat::AwqGemm:
      return awq_data(module, weight);
    case PackedFormat::BitsAndBytes4:
      return bitsandbytes_data(module, weight, dtype);
    default:
      return compressed_data(module, weight, scheme, dtype);
  }
}

bool is_quantized_weight(const QuantizationScheme& scheme, DType dtype) {
  const bool floats =
      scheme.format == PackedFormat::FloatQuantized || scheme.format == PackedFormat::BlockFloat8;
  return !is_floating(dtype) || (floats && (dtype == DType::F8_E4M3 || dtype == DType::F8_E5M2));
}

}  // namespace presswork::modelkit
