#include "plugins/modelkit/compute/cpu/rounding_kernels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "plugins/modelkit/compute/cpu/rounding_kernels.cc"
#include <hwy/foreach_target.h>
// After foreach_target, which includes this file once a target.
#include <hwy/highway.h>

#include "plugins/modelkit/compute/cpu/levels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace presswork::modelkit::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
constexpr std::size_t kSums = 8;
using Doubles = hn::CappedTag<double, kSums>;
using Singles = hn::Rebind<float, Doubles>;  // as many floats as a vector holds doubles
using Single = hn::Vec<Singles>;

// The sum of term(values, place) over a row; the last values are filled up with zeros.
template <class Term>
HWY_INLINE double sum_row(const float* x, std::size_t n, const Term& term) {
  const Doubles d;
  const Singles s;
  constexpr std::size_t kLanes = hn::MaxLanes(Doubles()), kVectors = kSums / kLanes;
  hn::Vec<Doubles> sums[kVectors];
  HWY_UNROLL(8)
  for (std::size_t v = 0; v < kVectors; ++v) sums[v] = hn::Zero(d);
  std::size_t i = 0;
  for (; i + kSums <= n; i += kSums) {
    HWY_UNROLL(8)
    for (std::size_t v = 0; v < kVectors; ++v)
      sums[v] = hn::Add(sums[v], term(hn::LoadU(s, x + i + v * kLanes), i + v * kLanes));
  }
  if (i < n) {
    float rest[kSums] = {};
    std::copy(x + i, x + n, rest);
    for (std::size_t v = 0; v < kVectors; ++v)
      sums[v] = hn::Add(sums[v], term(hn::LoadU(s, rest + v * kLanes), i + v * kLanes));
  }
  double t[kSums];
  for (std::size_t v = 0; v < kVectors; ++v) hn::StoreU(sums[v], d, t + v * kLanes);
  return ((t[0] + t[1]) + (t[2] + t[3])) + ((t[4] + t[5]) + (t[6] + t[7]));
}

double SquaresRow(const float* x, std::size_t n) {
  return sum_row(x, n, [](Single values, std::size_t) HWY_ATTR {
    const auto value = hn::PromoteTo(Doubles(), values);
    return hn::Mul(value, value);
  });
}

void LevelsRow(std::int8_t* q, const float* x, std::size_t n, const GroupGrid& grid) {
  const Floats d;
  constexpr std::size_t kLanes = hn::MaxLanes(Floats());
  const Levels<Floats> levels(grid);
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) levels.store(levels.nearest(hn::LoadU(d, x + i)), q + i);
  if (i == n) return;
  float rest[kLanes] = {};
  std::int8_t rounded[kLanes];
  std::copy(x + i, x + n, rest);
  levels.store(levels.nearest(hn::LoadU(d, rest)), rounded);
  std::copy(rounded, rounded + (n - i), q + i);
}

double RoundRow(std::int8_t* q, const float* w, std::size_t n, const GroupGrid& grid) {
  const Levels<Singles> levels(grid);
  const std::size_t whole = n / kSums * kSums;
  std::int8_t rest[kSums];
  const double error = sum_row(w, n, [&](Single values, std::size_t place) HWY_ATTR {
    const Single level = levels.nearest(values);
    levels.store(level, place < whole ? q + place : rest + (place - whole));
    const Doubles d;
    const auto difference = hn::Sub(hn::PromoteTo(d, values), hn::PromoteTo(d, levels.value(level)));
    return hn::Mul(difference, difference);
  });
  std::copy(rest, rest + (n - whole), q + whole);
  return error;
}

void RangeRow(const float* x, std::size_t n, float* low, float* high) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  auto least = hn::Set(d, x[0]), most = least;
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto values = hn::LoadU(d, x + i);
    least = hn::Min(least, values);
    most = hn::Max(most, values);
  }
  *low = hn::GetLane(hn::MinOfLanes(d, least));
  *high = hn::GetLane(hn::MaxOfLanes(d, most));
  for (; i < n; ++i) {
    *low = std::min(*low, x[i]);
    *high = std::max(*high, x[i]);
  }
}

std::size_t CountClippedRow(const std::int8_t* q, const float* w, std::size_t n, const GroupGrid& grid) {
  const Floats d;
  const hn::Rebind<std::int32_t, Floats> words;
  const hn::Rebind<std::int8_t, Floats> bytes;
  const std::size_t lanes = hn::Lanes(d);
  const float top = (grid.high - grid.zero) * grid.scale, bottom = (grid.low - grid.zero) * grid.scale,
              half = 0.5F * grid.scale;
  std::size_t count = 0, i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto level = hn::ConvertTo(d, hn::PromoteTo(words, hn::LoadU(bytes, q + i)));
    const auto value = hn::LoadU(d, w + i), limit = hn::Set(d, half);
    const auto above =
        hn::And(hn::Eq(level, hn::Set(d, grid.high)), hn::Gt(hn::Sub(value, hn::Set(d, top)), limit));
    const auto below =
        hn::And(hn::Eq(level, hn::Set(d, grid.low)), hn::Gt(hn::Sub(hn::Set(d, bottom), value), limit));
    count += hn::CountTrue(d, hn::Or(above, below));
  }
  for (; i < n; ++i) {
    const auto level = static_cast<float>(q[i]);
    const bool above = level == grid.high && w[i] - top > half,
               below = level == grid.low && bottom - w[i] > half;
    count += above || below ? 1 : 0;
  }
  return count;
}

}  // namespace presswork::modelkit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace presswork::modelkit {

HWY_EXPORT(RangeRow);
HWY_EXPORT(SquaresRow);
HWY_EXPORT(LevelsRow);
HWY_EXPORT(RoundRow);
HWY_EXPORT(CountClippedRow);

void range_row(const float* x, std::size_t n, float& low, float& high) {
  HWY_DYNAMIC_DISPATCH(RangeRow)(x, n, &low, &high);
}

double squares_row(const float* x, std::size_t n) { return HWY_DYNAMIC_DISPATCH(SquaresRow)(x, n); }

void levels_row(std::int8_t* q, const float* x, std::size_t n, const GroupGrid& grid) {
  HWY_DYNAMIC_DISPATCH(LevelsRow)(q, x, n, grid);
}

double round_row(std::int8_t* q, const float* w, std::size_t n, const GroupGrid& grid) {
  return HWY_DYNAMIC_DISPATCH(RoundRow)(q, w, n, grid);
}

std::size_t count_clipped_row(const std::int8_t* q, const float* w, std::size_t n, const GroupGrid& grid) {
  return HWY_DYNAMIC_DISPATCH(CountClippedRow)(q, w, n, grid);
}

}  // namespace presswork::modelkit
#endif  // HWY_ONCE
