// The weight of one linear module in whatever form a checkpoint stores it. Every stage that reads weights
// reads them as this, so that any stage can follow any other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "plugins/modelkit/checkpoint/checkpoint.h"
#include "plugins/modelkit/checkpoint/quantization_config.h"
#include "plugins/modelkit/compute/int8_inputs.h"

namespace presswork::modelkit {

// Plain floating-point values [out, in], borrowed from a mapped checkpoint (possibly unaligned) or owned.
struct DenseWeight {
  DType dtype = DType::F32;
  std::span<const std::byte> bytes;
  std::vector<std::byte> owned;  // when not empty, `bytes` views it
};

// Integers on a grid: value = (q - zero) * scale, with one scale (and zero) for each row and group of inputs.
struct GroupedIntWeight {
  int bits = 8;                 // q in [-2^(bits-1), 2^(bits-1) - 1]
  std::int64_t group_size = 0;  // inputs that share a scale; 0: the whole row
  bool symmetric = true;
  std::vector<std::int8_t> q;                // [out, in]
  std::vector<float> scales;                 // [out, groups]
  std::vector<std::int8_t> zeros;            // [out, groups]; empty when symmetric
  std::vector<std::int32_t> group_of_input;  // [in]; empty: input i belongs to group i / group_size
};

// Eight-bit floats [out, in], each times the scale of its block.
struct ScaledFloatWeight {
  DType dtype = DType::F8_E4M3;
  std::span<const std::byte> bytes;
  std::vector<std::byte> owned = {};              // when not empty, `bytes` views it
  std::int64_t block_rows = 1, block_inputs = 0;  // of a block; 0: whole rows
  std::vector<float> scales;                      // [ceil(out / block_rows), ceil(in / block_inputs)]
};

// Four-bit codes of a table: value = table[code] * scale, with one scale for each `block` values of the whole
// matrix, row after row. The code of value 2i is the high half of byte i.
struct CodebookWeight {
  std::array<float, 16> table{};
  std::int64_t block = 64;
  std::span<const std::byte> codes;   // [ceil(out * in / 2)]
  std::vector<std::byte> owned = {};  // when not empty, `codes` views it
  std::vector<float> scales;          // [ceil(out * in / block)]
};

struct LinearWeight {
  std::int64_t out = 0;
  std::int64_t in = 0;
  std::variant<DenseWeight, GroupedIntWeight, ScaledFloatWeight, CodebookWeight> form;
  std::optional<Int8Inputs> inputs = {};  // how the linear's inputs are quantized when the model runs

  const DenseWeight* dense() const { return std::get_if<DenseWeight>(&form); }
  const GroupedIntWeight* grouped_int() const { return std::get_if<GroupedIntWeight>(&form); }
  std::int64_t groups() const;  // scales in a row of integers; else 1

  // Rows [first, last) as float32, row-major [last - first, in]: one float32 product each.
  void dequantize(std::int64_t first, std::int64_t last, float* target) const;
  std::vector<float> dequantize() const;  // [out, in]
};

// Loads module `module` ("model.layers.0.self_attn.q_proj"): plain `<module>.weight`, or quantized as
// `quantization` (from config.json) says. Dense weights, eight-bit floats and codes borrow from `checkpoint`.
// Throws "corrupt_file" when tensors are missing or disagree.
LinearWeight load_linear(const Checkpoint& checkpoint, const QuantizationConfig& quantization,
                         std::string_view module);

}  // namespace presswork::modelkit
