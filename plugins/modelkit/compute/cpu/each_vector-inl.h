// How kernels walk over a row of floats; included once a target, after <hwy/foreach_target.h>.
#if defined(PRESSWORK_EACH_VECTOR_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef PRESSWORK_EACH_VECTOR_INL
#undef PRESSWORK_EACH_VECTOR_INL
#else
#define PRESSWORK_EACH_VECTOR_INL
#endif

#include <hwy/highway.h>

#include <cstddef>

HWY_BEFORE_NAMESPACE();
namespace presswork::modelkit::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;

// Calls body(load, store) for whole vectors, then for the rest of a row with masks (missing lanes are 0),
// so that both run the same arithmetic.
template <class Body>
HWY_INLINE void each_vector(std::size_t n, Body body) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    body([=](const float* p) HWY_ATTR { return hn::LoadU(Floats(), p + i); },
         [=](Vector v, float* p) HWY_ATTR { hn::StoreU(v, Floats(), p + i); });
  }
  if (i == n) return;
  const auto rest = hn::FirstN(d, n - i);
  body([=](const float* p) HWY_ATTR { return hn::MaskedLoad(rest, Floats(), p + i); },
       [=](Vector v, float* p) HWY_ATTR { hn::BlendedStore(v, rest, Floats(), p + i); });
}

}  // namespace presswork::modelkit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
