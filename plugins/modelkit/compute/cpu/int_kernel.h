// Products with weights of 4 or 8 bits: activations become 8-bit integers in blocks of 32 inputs, and
// integers are multiplied with integers, as llama.cpp does for Q8_0 and Q4_0.
//
// A panel holds 16 outputs. In it, for each block of 32 inputs, bytes lie as [quad of inputs][output][4
// inputs]; 4-bit values are two to a byte, quad j in the low half and quad j + 4 in the high one. Values are
// stored unsigned, q + 2^(bits - 1). One vector instruction so multiplies a quad of all 16 outputs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace presswork::modelkit {

struct IntPanels {
  static constexpr std::size_t kOutputs = 16;  // of a panel
  static constexpr std::size_t kBlock = 32;    // inputs of a block

  int bits = 8;  // 8 or 4
  std::size_t blocks = 0;
  std::size_t blocks_per_group = 1;       // blocks that share a scale
  const std::uint8_t* weights = nullptr;  // [panels, blocks, 32 * 16 * bits / 8]
  // Scales [panels, groups, 16], as float16 or as float32; zeros likewise, or null: symmetric.
  const std::uint16_t* half_scales = nullptr;
  const float* scales = nullptr;
  const std::int8_t* zeros = nullptr;

  std::size_t panel_bytes() const { return blocks * kBlock * kOutputs * static_cast<std::size_t>(bits) / 8; }
  std::size_t groups() const { return (blocks + blocks_per_group - 1) / blocks_per_group; }
};

// Rows of activations, quantized: value = q * scale, block by block.
struct QuantizedRows {
  std::size_t rows = 0, blocks = 0;
  const std::int8_t* q = nullptr;      // [rows, blocks * 32]
  const float* scales = nullptr;       // [rows, blocks]
  const std::int32_t* sums = nullptr;  // [rows, blocks]: of q
};

// One row x [inputs]: scale = max|x| / 127 in each block, rounded to the nearest; what fills the last block
// is 0.
void quantize_row(const float* x, std::size_t inputs, std::int8_t* q, float* scales, std::int32_t* sums);

// out [rows, panel's outputs from `panel` to `last`), row stride out_stride: the products, only the first
// `outputs` of the last panel. With `accumulate` added to what is there. The sum over blocks is in float32 in
// the order of the blocks, so that all variants give the same bits.
struct IntProduct {
  const IntPanels* weight = nullptr;
  const QuantizedRows* x = nullptr;
  float* out = nullptr;  // of output 0 of panel 0
  std::size_t out_stride = 0, outputs = 0;
  bool accumulate = false;
};
void int_product(const IntProduct& product, std::size_t panel, std::size_t last);

// The variant that every machine has (Highway), and whether int_product() uses another here. For tests.
void int_product_portable(const IntProduct& product, std::size_t panel, std::size_t last);
bool has_vnni();
void int_product_vnni(const IntProduct& product, std::size_t panel, std::size_t last);  // needs it

}  // namespace presswork::modelkit
