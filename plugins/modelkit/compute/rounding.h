// Rounding to the nearest integer, and to a grid of them.
#pragma once

namespace presswork::modelkit {

// Half to even for |x| < 2^22 (float) and 2^51 (double), as two additions, which compilers turn into vectors
// (std::nearbyint is a call).
inline float round_half_even(float x) {
  constexpr float kMagic = 12582912.0F;  // 1.5 * 2^23
  return (x + kMagic) - kMagic;
}
inline double round_half_even(double x) {
  constexpr double kMagic = 0x1.8p52;
  return (x + kMagic) - kMagic;
}

// The grid of one group of weights: value = (level - zero) * scale, for levels from low to high.
struct GroupGrid {
  float scale = 1, zero = 0, low = 0, high = 0;
};

}  // namespace presswork::modelkit
