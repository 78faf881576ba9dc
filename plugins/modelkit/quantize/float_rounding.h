// Rounding to nearest in forms that are no integer grid: 16-bit floats, eight-bit floats with a scale, NF4.
#pragma once

#include <string>

#include "plugins/modelkit/quantize/rtn_quantizer.h"

namespace presswork::modelkit {

// Plain values of `dtype` (F16, BF16), half to even. Throws "not_finite" for a value beyond the type's range.
RtnResult round_to_half(const LinearWeight& weight, DType dtype, const std::string& module,
                        ThreadPool& threads);

// E4M3 values and a scale for each row or for the whole weight: s = max|w| / 448 rounded to `scale_dtype`, q
// = nearest(w / s), half to even. Clipping::Mse shrinks the scale to where the squared error is least.
RtnResult round_to_float8(const LinearWeight& weight, Sharing sharing, Clipping clipping, DType scale_dtype,
                          const std::string& module, ThreadPool& threads);

// NF4 codes (Dettmers et al. 2023) and a float32 scale, max|w|, for each 64 values of the matrix, row after
// row, as bitsandbytes has them.
RtnResult round_to_nf4(const LinearWeight& weight, Clipping clipping, const std::string& module,
                       ThreadPool& threads);

}  // namespace presswork::modelkit
