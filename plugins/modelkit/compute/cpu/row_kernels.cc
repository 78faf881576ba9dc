#include "plugins/modelkit/compute/cpu/row_kernels.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "plugins/modelkit/compute/cpu/row_kernels.cc"
#include <hwy/foreach_target.h>
// After foreach_target, which includes this file once a target.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "plugins/modelkit/compute/cpu/each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace presswork::modelkit::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void RmsNormRow(float* out, const float* x, const float* weight, std::size_t n, float epsilon) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  Vector a = hn::Zero(d), b = a;
  std::size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const Vector u = hn::LoadU(d, x + i), v = hn::LoadU(d, x + i + lanes);
    a = hn::MulAdd(u, u, a);
    b = hn::MulAdd(v, v, b);
  }
  each_vector(n - i, [&](auto load, auto) HWY_ATTR {
    const Vector v = load(x + i);
    a = hn::MulAdd(v, v, a);
  });
  const float mean = hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b))) / static_cast<float>(n);
  const Vector scale = hn::Set(d, 1.0F / std::sqrt(mean + epsilon));
  each_vector(
      n, [=](auto load, auto store) HWY_ATTR { store(hn::Mul(hn::Mul(load(x), scale), load(weight)), out); });
}

void LayerNormRow(float* out, const float* x, const float* weight, const float* bias, std::size_t n,
                  float epsilon) {
  // In two passes: the difference of large squares would lose the variance of a row far from zero.
  const Floats d;
  Vector sum = hn::Zero(d);
  each_vector(n, [&](auto load, auto) HWY_ATTR { sum = hn::Add(sum, load(x)); });
  const float mean = hn::GetLane(hn::SumOfLanes(d, sum)) / static_cast<float>(n);
  double squares = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const float difference = x[i] - mean;
    squares += static_cast<double>(difference) * difference;
  }
  const float variance = static_cast<float>(squares / static_cast<double>(n));
  const Vector scale = hn::Set(d, 1.0F / std::sqrt(variance + epsilon)), shift = hn::Set(d, mean);
  each_vector(n, [=](auto load, auto store) HWY_ATTR {
    const Vector scaled = hn::Mul(hn::Mul(hn::Sub(load(x), shift), scale), load(weight));
    store(bias == nullptr ? scaled : hn::Add(scaled, load(bias)), out);
  });
}

void RopeHead(float* x, const float* cos, const float* sin, std::size_t half) {
  each_vector(half, [=](auto load, auto store) HWY_ATTR {
    const Vector c = load(cos), s = load(sin), first = load(x), second = load(x + half);
    store(hn::NegMulAdd(second, s, hn::Mul(first, c)), x);
    store(hn::MulAdd(first, s, hn::Mul(second, c)), x + half);
  });
}

// x * sigmoid(factor * x)
HWY_INLINE Vector sigmoid_product(Vector x, float factor) {
  const Floats d;
  const Vector denominator = hn::Add(hn::Set(d, 1.0F), hn::Exp(d, hn::Mul(hn::Set(d, -factor), x)));
  return hn::Div(x, denominator);
}

HWY_INLINE Vector gelu_tanh(Vector x) {
  const Floats d;
  const Vector cube = hn::Mul(hn::Mul(x, x), x);
  const Vector inner = hn::Mul(hn::Set(d, 0.7978845608F), hn::MulAdd(hn::Set(d, 0.044715F), cube, x));
  return hn::Mul(hn::Mul(hn::Set(d, 0.5F), x), hn::Add(hn::Set(d, 1.0F), hn::Tanh(d, inner)));
}

void ActivateRow(float* x, const float* factors, std::size_t n, Activation f) {
  const auto each = [=](auto function) HWY_ATTR {
    each_vector(n, [=](auto load, auto store) HWY_ATTR {
      const Vector value = function(load(x));
      store(factors == nullptr ? value : hn::Mul(value, load(factors)), x);
    });
  };
  switch (f) {
    case Activation::Silu:
      return each([](Vector v) HWY_ATTR { return sigmoid_product(v, 1.0F); });
    case Activation::GeluQuick:
      return each([](Vector v) HWY_ATTR { return sigmoid_product(v, 1.702F); });
    case Activation::GeluTanh:
      return each([](Vector v) HWY_ATTR { return gelu_tanh(v); });
    case Activation::Gelu:
      for (std::size_t i = 0; i < n; ++i) {
        x[i] *= 0.5F * (1.0F + std::erf(x[i] * 0.70710678F)) * (factors == nullptr ? 1.0F : factors[i]);
      }
      return;
    case Activation::Relu:
      return each([](Vector v) HWY_ATTR { return hn::Max(v, hn::Zero(Floats())); });
    case Activation::ReluSquared:
      return each([](Vector v) HWY_ATTR {
        const Vector positive = hn::Max(v, hn::Zero(Floats()));
        return hn::Mul(positive, positive);
      });
  }
}

void AddScaledRow(float* x, const float* y, std::size_t n, float factor) {
  each_vector(n, [=](auto load, auto store)
                     HWY_ATTR { store(hn::MulAdd(hn::Set(Floats(), factor), load(y), load(x)), x); });
}

void ScaleRow(float* x, std::size_t n, float factor) {
  each_vector(n,
              [=](auto load, auto store) HWY_ATTR { store(hn::Mul(hn::Set(Floats(), factor), load(x)), x); });
}

void SoftcapRow(float* x, std::size_t n, float cap) {
  each_vector(n, [=](auto load, auto store) HWY_ATTR {
    const Floats d;
    const Vector inner = hn::Mul(hn::Set(d, 1.0F / cap), load(x));
    store(hn::Mul(hn::Set(d, cap), hn::Tanh(d, inner)), x);
  });
}

void AddRow(float* x, const float* y, std::size_t n) {
  each_vector(n, [=](auto load, auto store) HWY_ATTR { store(hn::Add(load(x), load(y)), x); });
}

bool AllFiniteRow(const float* x, std::size_t n) {
  // v - v is 0 for finite v and NaN for others, and NaN stays in a sum.
  const Floats d;
  Vector sum = hn::Zero(d);
  each_vector(n, [&](auto load, auto) HWY_ATTR {
    const Vector v = load(x);
    sum = hn::Add(sum, hn::Sub(v, v));
  });
  return hn::GetLane(hn::SumOfLanes(d, sum)) == 0.0F;
}

constexpr std::size_t kFold = 1024;  // float32 sums are kept short: divergences are small differences

HWY_INLINE float largest_of(const float* x, std::size_t n, float largest) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  Vector top = hn::Set(d, largest);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) top = hn::Max(top, hn::LoadU(d, x + i));
  float most = hn::GetLane(hn::MaxOfLanes(d, top));
  for (; i < n; ++i) most = x[i] > most ? x[i] : most;
  return most;
}

// Takes n values of x into largest and sum, and with kCross their distance from y into cross. Both forms give
// the same sum, bit for bit.
template <bool kCross>
HWY_INLINE void exponential_sums(const float* x, const float* y, std::size_t n, float* largest, double* sum,
                                 double* cross) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const float most = largest_of(x, n, *largest);
  const double fade = std::exp(static_cast<double>(*largest) - static_cast<double>(most));
  double weights = *sum * fade, products = kCross ? *cross * fade : 0.0;
  const Vector shift = hn::Set(d, most);
  for (std::size_t first = 0; first < n; first += kFold) {
    const std::size_t count = n - first < kFold ? n - first : kFold;
    Vector weight_sum = hn::Zero(d), product_sum = hn::Zero(d);
    std::size_t j = 0;
    for (; j + lanes <= count; j += lanes) {
      const Vector value = hn::LoadU(d, x + first + j);
      const Vector weight = hn::Exp(d, hn::Sub(value, shift));
      weight_sum = hn::Add(weight_sum, weight);
      if (kCross) product_sum = hn::MulAdd(weight, hn::Sub(value, hn::LoadU(d, y + first + j)), product_sum);
    }
    if (j < count) {
      const auto rest = hn::FirstN(d, count - j);
      const Vector value = hn::MaskedLoad(rest, d, x + first + j);
      const Vector weight = hn::IfThenElseZero(rest, hn::Exp(d, hn::Sub(value, shift)));
      weight_sum = hn::Add(weight_sum, weight);
      if (kCross) {
        product_sum = hn::MulAdd(weight, hn::Sub(value, hn::MaskedLoad(rest, d, y + first + j)), product_sum);
      }
    }
    weights += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, weight_sum)));
    if (kCross) products += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, product_sum)));
  }
  *sum = weights;
  *largest = most;
  if (kCross) *cross = products;
}

void LogSumExpRow(const float* x, std::size_t n, float* largest, double* sum) {
  exponential_sums<false>(x, nullptr, n, largest, sum, nullptr);
}

void DivergenceRow(const float* b, const float* m, std::size_t n, float* largest, double* sum,
                   double* cross) {
  exponential_sums<true>(b, m, n, largest, sum, cross);
}

}  // namespace presswork::modelkit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace presswork::modelkit {

HWY_EXPORT(RmsNormRow);
HWY_EXPORT(RopeHead);
HWY_EXPORT(AddRow);
HWY_EXPORT(LayerNormRow);
HWY_EXPORT(ActivateRow);
HWY_EXPORT(AddScaledRow);
HWY_EXPORT(ScaleRow);
HWY_EXPORT(SoftcapRow);
HWY_EXPORT(AllFiniteRow);
HWY_EXPORT(LogSumExpRow);
HWY_EXPORT(DivergenceRow);

void rms_norm_row(float* out, const float* x, const float* weight, std::size_t n, float epsilon) {
  HWY_DYNAMIC_DISPATCH(RmsNormRow)(out, x, weight, n, epsilon);
}

void rope_head(float* x, const float* cos, const float* sin, std::size_t half) {
  HWY_DYNAMIC_DISPATCH(RopeHead)(x, cos, sin, half);
}

void add_row(float* x, const float* y, std::size_t n) { HWY_DYNAMIC_DISPATCH(AddRow)(x, y, n); }

void layer_norm_row(float* out, const float* x, const float* weight, const float* bias, std::size_t n,
                    float epsilon) {
  HWY_DYNAMIC_DISPATCH(LayerNormRow)(out, x, weight, bias, n, epsilon);
}

void activate_row(float* x, std::size_t n, Activation f) {
  HWY_DYNAMIC_DISPATCH(ActivateRow)(x, nullptr, n, f);
}

void activate_multiply_row(float* gate, const float* up, std::size_t n, Activation f) {
  HWY_DYNAMIC_DISPATCH(ActivateRow)(gate, up, n, f);
}

void add_scaled_row(float* x, const float* y, std::size_t n, float factor) {
  HWY_DYNAMIC_DISPATCH(AddScaledRow)(x, y, n, factor);
}

void scale_row(float* x, std::size_t n, float factor) { HWY_DYNAMIC_DISPATCH(ScaleRow)(x, n, factor); }

void softcap_row(float* x, std::size_t n, float cap) { HWY_DYNAMIC_DISPATCH(SoftcapRow)(x, n, cap); }

bool all_finite_row(const float* x, std::size_t n) { return HWY_DYNAMIC_DISPATCH(AllFiniteRow)(x, n); }

void log_sum_exp_row(const float* x, std::size_t n, float& largest, double& sum) {
  HWY_DYNAMIC_DISPATCH(LogSumExpRow)(x, n, &largest, &sum);
}

void divergence_row(const float* b, const float* m, std::size_t n, float& largest, double& sum,
                    double& cross) {
  HWY_DYNAMIC_DISPATCH(DivergenceRow)(b, m, n, &largest, &sum, &cross);
}

}  // namespace presswork::modelkit
#endif  // HWY_ONCE
