// Rounding to the nearest integer.
#pragma once

namespace presswork::modelkit {

// Half to even for |x| < 2^22, as two additions, which compilers turn into vectors (std::nearbyint is a
// call).
inline float round_half_even(float x) {
  constexpr float kMagic = 12582912.0F;  // 1.5 * 2^23
  return (x + kMagic) - kMagic;
}

}  // namespace presswork::modelkit
