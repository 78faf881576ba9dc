// oneDNN's matrix product of bfloat16 values with sums in float32, on the calling thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace presswork::modelkit {

// Whether this CPU multiplies bfloat16 (AVX-512 BF16, AMX); elsewhere the product would be emulated.
bool has_bf16_products();

// c [m, n] = a [m, k] * b [k, n], with `accumulate` added to what c holds; all row-major.
struct Bf16Product {
  std::size_t m = 0, n = 0, k = 0;
  const std::uint16_t* a = nullptr;
  std::size_t a_stride = 0;
  const std::uint16_t* b = nullptr;
  std::size_t b_stride = 0;
  bool accumulate = false;
  float* c = nullptr;
  std::size_t c_stride = 0;
};
void bf16_product(const Bf16Product& product);

}  // namespace presswork::modelkit
