#include "plugins/modelkit/compute/cpu/int_linear.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "plugins/modelkit/formats/dtype.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kBlock = IntPanels::kBlock, kOutputs = IntPanels::kOutputs;
constexpr std::size_t kTileBytes = 32 << 10;  // of weights that a thread takes at once
constexpr std::size_t kTileRows = 96;         // of activations: their integers stay in the cache

std::size_t blocks_of(std::size_t in) { return (in + kBlock - 1) / kBlock; }

IntPanels layout(int bits, std::size_t in, std::size_t blocks_per_group) {
  IntPanels panels;
  panels.bits = bits <= 4 ? 4 : 8;
  panels.blocks = blocks_of(in);
  panels.blocks_per_group = blocks_per_group;
  return panels;
}

std::size_t floats_of(const IntPanels& layout, std::size_t out) {
  return (out + kOutputs - 1) / kOutputs * layout.panel_bytes() / sizeof(float);
}

std::uint16_t half(float value) {
  std::uint16_t bits = 0;
  from_float(DType::F16, &value, 1, &bits);
  return bits;
}

// One block as Q8_0 or Q4_0. Returns the scale.
float quantize_block(const float* x, int bits, std::int8_t* q) {
  const float* largest =
      std::max_element(x, x + kBlock, [](float a, float b) { return std::abs(a) < std::abs(b); });
  if (bits == 8) {
    const float scale = std::abs(*largest) / 127.0F, inverse = scale != 0.0F ? 1.0F / scale : 0.0F;
    for (std::size_t i = 0; i < kBlock; ++i) q[i] = static_cast<std::int8_t>(std::round(x[i] * inverse));
    return scale;
  }
  const float scale = *largest / -8.0F, inverse = scale != 0.0F ? 1.0F / scale : 0.0F;
  for (std::size_t i = 0; i < kBlock; ++i) {
    q[i] = static_cast<std::int8_t>(std::min(15, static_cast<int>(x[i] * inverse + 8.5F)) - 8);
  }
  return scale;
}

// The sum of a row of integers, less their zeros, times their scales.
float row_sum(const GroupedIntegers& weight, std::size_t row, std::size_t in, std::size_t groups) {
  double sum = 0;
  const std::size_t group = in / groups;
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t at = row * groups + g;
    std::int64_t levels = 0;
    for (std::size_t i = 0; i < group; ++i) levels += weight.q[row * in + g * group + i];
    if (weight.zeros != nullptr) levels -= static_cast<std::int64_t>(group) * weight.zeros[at];
    sum += static_cast<double>(levels) * weight.scales[at];
  }
  return static_cast<float>(sum);
}

}  // namespace

struct CpuIntLinear::Activations {
  std::vector<std::int8_t> q;
  std::vector<float> scales;
  std::vector<std::int32_t> sums;
  std::vector<Int8Grid> grids;  // of the rows

  void resize(std::size_t rows, std::size_t blocks) {
    q.resize(rows * blocks * kBlock);
    scales.resize(rows * blocks);
    sums.resize(rows * blocks);
    grids.resize(rows);
  }
};

CpuIntLinear::CpuIntLinear(const LinearSource& source, int bits, ThreadPool& threads,
                           const std::shared_ptr<MemoryPool>& memory)
    : out_(source.out),
      in_(source.in),
      bias_(source.bias.begin(), source.bias.end()),
      layout_(layout(bits, in_, 1)),
      weights_(memory, floats_of(layout_, out_)) {
  half_scales_.assign(panels() * layout_.groups() * kOutputs, 0);
  threads.run(panels(), [&](std::size_t i) {
    std::memset(panel(i), 0, layout_.panel_bytes());
    const std::size_t first = i * kOutputs, count = std::min(kOutputs, out_ - first);
    std::vector<float> rows(count * in_);
    source.rows(first, first + count, rows.data());
    for (std::size_t r = 0; r < count; ++r) {
      for (std::size_t b = 0; b < layout_.blocks; ++b) {
        float values[kBlock] = {};
        const std::size_t filled = std::min(kBlock, in_ - b * kBlock);
        std::copy_n(rows.data() + r * in_ + b * kBlock, filled, values);
        std::int8_t q[kBlock];
        half_scales_[(i * layout_.blocks + b) * kOutputs + r] = half(quantize_block(values, bits, q));
        place(first + r, b, q);
      }
    }
  });
  layout_.weights = panel(0);
  layout_.half_scales = half_scales_.data();
}

bool CpuIntLinear::fits(const LinearSource& source) {
  if (!source.integers) return false;
  const GroupedIntegers& g = *source.integers;
  const std::size_t group = g.group_size == 0 ? source.in : g.group_size;
  return g.bits >= 2 && g.bits <= 8 && source.in % kBlock == 0 && group % kBlock == 0;
}

CpuIntLinear::CpuIntLinear(const LinearSource& source, ThreadPool& threads,
                           const std::shared_ptr<MemoryPool>& memory)
    : out_(source.out),
      in_(source.in),
      bias_(source.bias.begin(), source.bias.end()),
      layout_(layout(source.integers->bits, in_,
                     (source.integers->group_size == 0 ? in_ : source.integers->group_size) / kBlock)),
      weights_(memory, floats_of(layout_, out_)),
      inputs_(source.inputs) {
  const GroupedIntegers& given = *source.integers;
  if (inputs_ && !inputs_->symmetric) row_sums_.resize(out_);
  const std::size_t groups = layout_.groups();
  scales_.assign(panels() * groups * kOutputs, 0.0F);
  if (given.zeros != nullptr) zeros_.assign(scales_.size(), 0);
  threads.run(panels(), [&](std::size_t i) {
    std::memset(panel(i), 0, layout_.panel_bytes());
    const std::size_t first = i * kOutputs, count = std::min(kOutputs, out_ - first);
    for (std::size_t r = 0; r < count; ++r) {
      for (std::size_t b = 0; b < layout_.blocks; ++b) {
        place(first + r, b, given.q + (first + r) * in_ + b * kBlock);
      }
      for (std::size_t g = 0; g < groups; ++g) {
        const std::size_t to = (i * groups + g) * kOutputs + r, from = (first + r) * groups + g;
        scales_[to] = given.scales[from];
        if (given.zeros != nullptr) zeros_[to] = given.zeros[from];
      }
      if (!row_sums_.empty()) row_sums_[first + r] = row_sum(given, first + r, in_, groups);
    }
  });
  layout_.weights = panel(0);
  layout_.scales = scales_.data();
  layout_.zeros = zeros_.empty() ? nullptr : zeros_.data();
}

std::uint8_t* CpuIntLinear::panel(std::size_t index) {
  return reinterpret_cast<std::uint8_t*>(weights_.data()) + index * layout_.panel_bytes();
}

void CpuIntLinear::place(std::size_t out, std::size_t block, const std::int8_t* q) {
  const std::size_t block_bytes = kBlock * kOutputs * static_cast<std::size_t>(layout_.bits) / 8;
  std::uint8_t* bytes = panel(out / kOutputs) + block * block_bytes + out % kOutputs * 4;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const std::size_t quad = i / 4;
    if (layout_.bits == 8) {
      bytes[quad * 4 * kOutputs + i % 4] = static_cast<std::uint8_t>(q[i] + 128);
    } else {
      const int shift = quad < 4 ? 0 : 4;
      bytes[quad % 4 * 4 * kOutputs + i % 4] |= static_cast<std::uint8_t>((q[i] + 8) << shift);
    }
  }
}

void CpuIntLinear::quantize(const float* x, std::size_t row, Activations& a) const {
  const std::size_t blocks = layout_.blocks;
  std::int8_t* q = a.q.data() + row * blocks * kBlock;
  float* scales = a.scales.data() + row * blocks;
  std::int32_t* sums = a.sums.data() + row * blocks;
  if (!inputs_) return quantize_row(x, in_, q, scales, sums);
  a.grids[row] = grid_of(*inputs_, x, in_);
  to_int8(a.grids[row], x, in_, q);
  std::fill_n(scales, blocks, a.grids[row].scale);
  for (std::size_t block = 0; block < blocks; ++block)
    sums[block] = std::accumulate(q + block * kBlock, q + (block + 1) * kBlock, 0);
}

// What the inputs' zero points added to the outputs [first, last).
void CpuIntLinear::subtract_zeros(float* out, std::size_t out_stride, const Activations& a,
                                  std::size_t first_row, std::size_t rows, std::size_t first,
                                  std::size_t last) const {
  for (std::size_t r = 0; r < rows; ++r) {
    const float zero = a.grids[first_row + r].value(0);
    for (std::size_t o = first; o < last; ++o) out[r * out_stride + o] += zero * row_sums_[o];
  }
}

void CpuIntLinear::multiply(float* out, std::size_t out_stride, const float* x, std::size_t x_stride,
                            std::size_t rows, bool accumulate, ThreadPool& threads) const {
  thread_local Activations activations;
  activations.resize(rows, layout_.blocks);
  Activations& a = activations;  // the caller's, also in tiles that other threads take
  const std::size_t blocks = layout_.blocks;
  if (rows == 1) {
    quantize(x, 0, a);
  } else {
    threads.run(rows, [&](std::size_t r) { quantize(x + r * x_stride, r, a); });
  }
  const std::size_t height = std::max<std::size_t>(1, kTileBytes / layout_.panel_bytes());
  const std::size_t columns = (panels() + height - 1) / height;
  const std::size_t row_tiles = (rows + kTileRows - 1) / kTileRows;
  threads.run(columns * row_tiles, [&](std::size_t tile) {
    const std::size_t first = tile / columns * kTileRows, count = std::min(kTileRows, rows - first);
    const QuantizedRows part{count, blocks, a.q.data() + first * blocks * kBlock,
                             a.scales.data() + first * blocks, a.sums.data() + first * blocks};
    float* to = out + first * out_stride;
    const std::size_t panel = tile % columns * height, last = std::min(panels(), panel + height);
    int_product({&layout_, &part, to, out_stride, out_, accumulate}, panel, last);
    const std::size_t column = panel * kOutputs, end = std::min(out_, last * kOutputs);
    if (!row_sums_.empty()) subtract_zeros(to, out_stride, a, first, count, column, end);
    if (bias_.empty()) return;
    add_bias(to + column, out_stride, count, end - column, bias_.data() + column);
  });
}

}  // namespace presswork::modelkit
