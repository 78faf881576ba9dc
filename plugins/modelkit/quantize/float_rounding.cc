#include "plugins/modelkit/quantize/float_rounding.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "plugins/modelkit/checkpoint/bitsandbytes.h"
#include "plugins/modelkit/quantize/weight_rows.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr float kLargestFloat8 = 448.0F;

float largest_of(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::fabs(value));
  return largest;
}

double squared_difference(std::span<const float> w, std::span<const float> rounded) {
  double sum = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double difference = static_cast<double>(w[i]) - rounded[i];
    sum += difference * difference;
  }
  return sum;
}

// Of the limits `largest`, 0.99 largest, ..., 0.2 largest the one with the least error.
template <class ErrorOf>
float best_limit(float largest, Clipping clipping, const ErrorOf& error_of) {
  if (clipping == Clipping::MinMax) return largest;
  float best = largest;
  double least = error_of(largest);
  for (int share = 99; share >= 20 && least > 0; --share) {
    const float limit = largest * (static_cast<float>(share) / 100.0F);
    const double error = error_of(limit);
    if (error >= least) continue;
    least = error;
    best = limit;
  }
  return best;
}

// Scale for |w| up to `limit`; 1 for nothing but zeros and numbers next to them.
float float8_scale(float limit, DType dtype) {
  const float scale = limit / kLargestFloat8;
  const float stored = dtype == DType::F32 ? scale : rounded_through(dtype, scale);
  return stored >= FLT_MIN ? stored : 1.0F;
}

// bytes: E4M3 of w / scale. Returns the squared error.
double round_float8(std::span<const float> w, float scale, std::byte* bytes) {
  std::vector<float> values(w.size());
  for (std::size_t i = 0; i < w.size(); ++i)
    values[i] = std::clamp(w[i] / scale, -kLargestFloat8, kLargestFloat8);
  from_float(DType::F8_E4M3, values.data(), values.size(), bytes);
  to_float(DType::F8_E4M3, bytes, values.size(), values.data());
  for (float& value : values) value *= scale;
  return squared_difference(w, values);
}

float fit_float8(std::span<const float> w, Clipping clipping, DType dtype) {
  std::vector<std::byte> bytes(w.size());
  const float limit = best_limit(largest_of(w), clipping, [&](float trial) {
    return round_float8(w, float8_scale(trial, dtype), bytes.data());
  });
  return float8_scale(limit, dtype);
}

float fit_float8(const WeightRows& rows, Clipping clipping, DType dtype) {
  const ValueRange range = rows.range();
  const float limit = best_limit(std::max(-range.low, range.high), clipping, [&](float trial) {
    return rows
        .each(WeightRows::kTileRows,
              [&](std::span<const float> values, std::int64_t) {
                std::vector<std::byte> bytes(values.size());
                return round_float8(values, float8_scale(trial, dtype), bytes.data());
              })
        .squared_error;
  });
  return float8_scale(limit, dtype);
}

// Codes of one block, two in a byte, the first high; returns the squared error.
double round_nf4(std::span<const float> w, float scale, std::byte* codes) {
  constexpr float kLeast = 1e-38F;  // bitsandbytes': blocks of zeros, or nearly, become zeros
  std::vector<float> values(w.size());
  for (std::size_t i = 0; i < w.size(); ++i) {
    const std::uint8_t code = nf4_code(w[i] / std::max(scale, kLeast));
    values[i] = kNf4[code] * scale;
    if (i % 2 == 0) {
      codes[i / 2] = std::byte(code << 4);
    } else {
      codes[i / 2] |= std::byte(code);
    }
  }
  return squared_difference(w, values);
}

float fit_nf4(std::span<const float> w, Clipping clipping) {
  std::vector<std::byte> codes((w.size() + 1) / 2);
  return best_limit(largest_of(w), clipping, [&](float limit) { return round_nf4(w, limit, codes.data()); });
}

}  // namespace

RtnResult round_to_half(const LinearWeight& weight, DType dtype, const std::string& module,
                        ThreadPool& threads) {
  DenseWeight dense;
  dense.dtype = dtype;
  const auto in = static_cast<std::size_t>(weight.in), width = size_of(dtype);
  dense.owned.resize(static_cast<std::size_t>(weight.out) * in * width);
  const auto error =
      WeightRows(weight, module, threads)
          .each(WeightRows::kTileRows, [&](std::span<const float> w, std::int64_t first) {
            std::byte* bytes = dense.owned.data() + static_cast<std::size_t>(first) * in * width;
            from_float(dtype, w.data(), w.size(), bytes);
            const std::size_t bad = find_not_finite(dtype, bytes, w.size());
            if (bad != w.size()) {
              throw Error("not_finite",
                          std::to_string(w[bad]) + " is too large for " + std::string(torch_name_of(dtype)),
                          module + ".weight", "round to bf16, which has the range of float32");
            }
            std::vector<float> back(w.size());
            to_float(dtype, bytes, back.size(), back.data());
            return squared_difference(w, back);
          });
  RtnResult result{{weight.out, weight.in, std::move(dense)}, error};
  auto& form = std::get<DenseWeight>(result.weight.form);
  form.bytes = form.owned;
  return result;
}

RtnResult round_to_float8(const LinearWeight& weight, Sharing sharing, Clipping clipping, DType scale_dtype,
                          const std::string& module, ThreadPool& threads) {
  ScaledFloatWeight floats;
  const auto in = static_cast<std::size_t>(weight.in);
  floats.owned.resize(static_cast<std::size_t>(weight.out) * in);
  floats.scales.resize(static_cast<std::size_t>(weight.out));
  const WeightRows rows(weight, module, threads);
  if (sharing == Sharing::Tensor)
    floats.scales.assign(floats.scales.size(), fit_float8(rows, clipping, scale_dtype));
  const auto error = rows.each(WeightRows::kTileRows, [&](std::span<const float> values, std::int64_t first) {
    double squared_error = 0;
    for (std::size_t at = 0, row = static_cast<std::size_t>(first); at < values.size(); at += in, ++row) {
      const auto w = values.subspan(at, in);
      if (sharing == Sharing::Group) floats.scales[row] = fit_float8(w, clipping, scale_dtype);
      squared_error += round_float8(w, floats.scales[row], floats.owned.data() + row * in);
    }
    return squared_error;
  });
  RtnResult result{{weight.out, weight.in, std::move(floats)}, error};
  auto& form = std::get<ScaledFloatWeight>(result.weight.form);
  form.bytes = form.owned;
  return result;
}

RtnResult round_to_nf4(const LinearWeight& weight, Clipping clipping, const std::string& module,
                       ThreadPool& threads) {
  const auto count = static_cast<std::size_t>(weight.out * weight.in), block = std::size_t{kNf4Block};
  CodebookWeight nf4;
  std::copy(std::begin(kNf4), std::end(kNf4), nf4.table.begin());
  nf4.block = kNf4Block;
  nf4.owned.resize((count + 1) / 2);
  nf4.scales.resize((count + block - 1) / block);
  // Tiles of whole blocks.
  const std::int64_t rows = kNf4Block / std::gcd(weight.in, kNf4Block);
  const auto error = WeightRows(weight, module, threads)
                         .each(rows * std::max<std::int64_t>(1, WeightRows::kTileRows / rows),
                               [&](std::span<const float> values, std::int64_t first) {
                                 const auto start = static_cast<std::size_t>(first * weight.in);
                                 double squared_error = 0;
                                 for (std::size_t at = 0; at < values.size(); at += block) {
                                   const auto w = values.subspan(at, std::min(block, values.size() - at));
                                   const float scale = fit_nf4(w, clipping);
                                   nf4.scales[(start + at) / block] = scale;
                                   squared_error += round_nf4(w, scale, nf4.owned.data() + (start + at) / 2);
                                 }
                                 return squared_error;
                               });
  RtnResult result{{weight.out, weight.in, std::move(nf4)}, error};
  auto& form = std::get<CodebookWeight>(result.weight.form);
  form.codes = form.owned;
  return result;
}

}  // namespace presswork::modelkit
