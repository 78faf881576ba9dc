#include "plugins/modelkit/checkpoint/format_limits.h"

#include <algorithm>

#include "plugins/modelkit/checkpoint/bitsandbytes.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr WrittenFormat kWritten[] = {{"pack-quantized", PackedFormat::PackQuantized},
                                      {"int-quantized", PackedFormat::IntQuantized},
                                      {"float-quantized", PackedFormat::FloatQuantized},
                                      {"gptq", PackedFormat::Gptq},
                                      {"gptq_v2", PackedFormat::GptqV2},
                                      {"awq", PackedFormat::AwqGemm},
                                      {"nf4", PackedFormat::BitsAndBytes4}};

std::string form_of(const LinearWeight& weight) {
  if (const GroupedIntWeight* ints = weight.grouped_int())
    return "integers of " + std::to_string(ints->bits) + " bits";
  if (std::holds_alternative<ScaledFloatWeight>(weight.form)) return "eight-bit floats";
  return std::holds_alternative<CodebookWeight>(weight.form) ? "codes of a table" : "plain floats";
}

bool is_symmetric(const GroupedIntWeight& ints) {
  return std::all_of(ints.zeros.begin(), ints.zeros.end(), [](std::int8_t zero) { return zero == 0; });
}

bool has_whole_groups(const LinearWeight& weight) {
  const GroupedIntWeight& ints = *weight.grouped_int();
  return ints.group_size == 0 || weight.in % ints.group_size == 0;
}

// A scale that float16 cannot hold, as a text; "" when there is none.
std::string wider_than_half(const std::vector<float>& scales) {
  for (const float scale : scales) {
    if (rounded_through(DType::F16, scale) != scale)
      return "it stores scales as float16, which cannot hold " + std::to_string(scale) +
             " exactly; quantize with scale_dtype: float16";
  }
  return "";
}

std::string packed_misfit(const LinearWeight& weight) {
  const GroupedIntWeight* ints = weight.grouped_int();
  if (ints == nullptr) return "it holds integers; these are " + form_of(weight);
  if (!ints->group_of_input.empty()) return "its groups are of neighbouring inputs; these are not (desc_act)";
  if (!has_whole_groups(weight))
    return "its groups divide the inputs; " + std::to_string(ints->group_size) + " does not divide " +
           std::to_string(weight.in);
  return "";
}

std::string bytes_misfit(const LinearWeight& weight) {
  const GroupedIntWeight* ints = weight.grouped_int();
  if (ints == nullptr || ints->bits != 8) return "it holds integers of 8 bits; these are " + form_of(weight);
  if (!is_symmetric(*ints)) return "it has no zero points; this weight is asymmetric";
  if (weight.groups() != 1) return "it has one scale for an output channel; these have groups of inputs";
  return "";
}

std::string floats_misfit(const LinearWeight& weight) {
  const auto* floats = std::get_if<ScaledFloatWeight>(&weight.form);
  if (floats == nullptr || floats->dtype != DType::F8_E4M3)
    return "it holds floats of type E4M3; these are " + form_of(weight);
  if (floats->block_rows != 1 || floats->block_inputs != 0)
    return "it has one scale for an output channel; these have blocks";
  return "";
}

std::string gptq_misfit(PackedFormat format, const LinearWeight& weight) {
  const GroupedIntWeight* ints = weight.grouped_int();
  if (ints == nullptr || (ints->bits > 4 && ints->bits != 8))
    return "it holds integers of 2, 3, 4 or 8 bits; these are " + form_of(weight);
  if (weight.in % 32 != 0 || weight.out % 32 != 0)
    return "its inputs and outputs come in multiples of 32; these are " + std::to_string(weight.in) +
           " and " + std::to_string(weight.out);
  if (format == PackedFormat::Gptq && !is_symmetric(*ints))
    return "zero points of version 1 are read in different ways, so that only symmetric weights are safe in "
           "it; this one is asymmetric";
  return wider_than_half(ints->scales);
}

std::string awq_misfit(const LinearWeight& weight) {
  const GroupedIntWeight* ints = weight.grouped_int();
  if (ints == nullptr || ints->bits != 4) return "it holds integers of 4 bits; these are " + form_of(weight);
  if (const std::string reason = packed_misfit(weight); !reason.empty()) return reason;
  if (weight.out % 8 != 0) return "it packs outputs by eights; these are " + std::to_string(weight.out);
  return wider_than_half(ints->scales);
}

std::string nf4_misfit(const LinearWeight& weight) {
  const auto* codes = std::get_if<CodebookWeight>(&weight.form);
  if (codes == nullptr || !std::equal(codes->table.begin(), codes->table.end(), std::begin(kNf4)))
    return "it holds codes of NF4's table; these are " +
           (codes == nullptr ? form_of(weight) : "codes of another");
  if (codes->block != kNf4Block)
    return "it has blocks of " + std::to_string(kNf4Block) + "; these are of " + std::to_string(codes->block);
  return "";
}

}  // namespace

std::span<const WrittenFormat> written_formats() { return kWritten; }

PackedFormat written_format(std::string_view name) {
  std::string names;
  for (const WrittenFormat& known : kWritten) {
    if (known.name == name) return known.format;
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  throw Error("invalid_parameter", "no format is called " + std::string(name), "/format",
              "there are " + names);
}

std::string misfit(PackedFormat format, const LinearWeight& weight) {
  if (weight.inputs && format != PackedFormat::IntQuantized)
    return "it does not say how inputs are quantized, and those of this linear are";
  switch (format) {
    case PackedFormat::PackQuantized:
      return packed_misfit(weight);
    case PackedFormat::IntQuantized:
      return bytes_misfit(weight);
    case PackedFormat::FloatQuantized:
      return floats_misfit(weight);
    case PackedFormat::Gptq:
    case PackedFormat::GptqV2:
      return gptq_misfit(format, weight);
    case PackedFormat::AwqGemm:
      return awq_misfit(weight);
    case PackedFormat::BitsAndBytes4:
      return nf4_misfit(weight);
    case PackedFormat::BlockFloat8:
      break;
  }
  return "it is read, not written";
}

std::string formats_that_hold(const LinearWeight& weight) {
  std::string names;
  for (const WrittenFormat& known : kWritten) {
    if (misfit(known.format, weight).empty()) names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  return names.empty() ? "none" : names;
}

}  // namespace presswork::modelkit
