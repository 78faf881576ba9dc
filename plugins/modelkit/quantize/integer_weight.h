// What the quantizers share in making a GroupedIntWeight.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/quantize/grid.h"

namespace presswork::modelkit {

// Integers, scales and zeros of the right sizes, to be filled in.
GroupedIntWeight empty_integers(std::int64_t out, std::int64_t in, const QuantizationGrid& grid);

// Plain float32 values [out, in].
LinearWeight float_weight(std::int64_t out, std::int64_t in, const std::vector<float>& values);

// Throws "not_finite" that names the place when `rows` [n, in], which begin at row `first` of `module`, or
// the scales of a whole weight hold NaN or infinity. Scales of finite weights can still overflow (their
// difference, or a narrower scale type).
void expect_finite_rows(const std::vector<float>& rows, std::size_t in, std::int64_t first,
                        const std::string& module);
void expect_finite_scales(const GroupedIntWeight& weight, std::int64_t out, const std::string& module);

// difference [n, in] = its values as they were less the integers' rows [first, first + n).
void subtract_integers(const GroupedIntWeight& weight, std::int64_t first, std::size_t in,
                       std::vector<double>& difference);

// difference [n, in] = rows less these rounded to nearest.
void subtract_rounded(const std::vector<float>& rows, const QuantizationGrid& grid, std::size_t in,
                      std::vector<double>& difference);

}  // namespace presswork::modelkit
