// Levels of a grid, a vector at a time; included once a target, after <hwy/foreach_target.h>.
#if defined(PRESSWORK_LEVELS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef PRESSWORK_LEVELS_INL
#undef PRESSWORK_LEVELS_INL
#else
#define PRESSWORK_LEVELS_INL
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "plugins/modelkit/compute/rounding.h"

HWY_BEFORE_NAMESPACE();
namespace presswork::modelkit::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// As many values at a time as D has lanes, half to even as round_half_even().
template <class D>
class Levels {
 public:
  using Values = hn::Vec<D>;

  HWY_INLINE explicit Levels(const GroupGrid& grid)
      : scale_(hn::Set(D(), grid.scale)),
        zero_(hn::Set(D(), grid.zero)),
        low_(hn::Set(D(), grid.low)),
        high_(hn::Set(D(), grid.high)) {}

  HWY_INLINE Values exact_steps(Values x) const { return hn::Div(x, scale_); }
  HWY_INLINE Values unlimited(Values x) const { return hn::Add(hn::Round(exact_steps(x)), zero_); }
  HWY_INLINE Values limited(Values level) const { return hn::Min(hn::Max(level, low_), high_); }
  HWY_INLINE Values nearest(Values x) const { return limited(unlimited(x)); }
  HWY_INLINE auto is_inside(Values level) const { return hn::And(hn::Ge(level, low_), hn::Le(level, high_)); }
  HWY_INLINE Values steps(Values level) const { return hn::Sub(level, zero_); }
  HWY_INLINE Values value(Values level) const { return hn::Mul(steps(level), scale_); }
  HWY_INLINE static void store(Values level, std::int8_t* q) {
    const hn::Rebind<std::int32_t, D> words;
    const hn::Rebind<std::int8_t, D> bytes;
    hn::StoreU(hn::DemoteTo(bytes, hn::ConvertTo(words, level)), bytes, q);
  }

 private:
  const Values scale_, zero_, low_, high_;
};

}  // namespace presswork::modelkit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
