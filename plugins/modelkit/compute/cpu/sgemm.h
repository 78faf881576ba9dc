// oneDNN's matrix product in float32, on the calling thread.
#pragma once

#include <cstddef>

namespace presswork::modelkit {

// c [m, n] = alpha * a b + beta * c, row-major; 'T' when a is stored [k, m], or b [n, k].
struct Sgemm {
  char a_form = 'N', b_form = 'N';
  std::size_t m = 0, n = 0, k = 0;
  float alpha = 1.0F;
  const float* a = nullptr;
  std::size_t a_stride = 0;
  const float* b = nullptr;
  std::size_t b_stride = 0;
  float beta = 0.0F;
  float* c = nullptr;
  std::size_t c_stride = 0;
};
void sgemm(const Sgemm& product);

}  // namespace presswork::modelkit
