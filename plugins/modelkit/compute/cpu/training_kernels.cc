#include "plugins/modelkit/compute/cpu/training_kernels.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "plugins/modelkit/compute/cpu/training_kernels.cc"
#include <hwy/foreach_target.h>
// After foreach_target, which includes this file once a target.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "plugins/modelkit/compute/cpu/each_vector-inl.h"
#include "plugins/modelkit/compute/cpu/levels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace presswork::modelkit::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void SiluGradientRow(float* dx, const float* x, std::size_t n) {
  const Floats d;
  const Vector one = hn::Set(d, 1.0F);
  each_vector(n, [=](auto load, auto store) HWY_ATTR {
    const Vector v = load(x), s = hn::Div(one, hn::Add(one, hn::Exp(d, hn::Neg(v))));
    const Vector slope = hn::Mul(s, hn::MulAdd(v, hn::Sub(one, s), one));
    store(hn::Mul(load(dx), slope), dx);
  });
}

void SoftmaxRow(float* x, std::size_t n, float log_sum, float factor) {
  const Floats d;
  const Vector shift = hn::Set(d, log_sum), scale = hn::Set(d, factor);
  each_vector(n, [=](auto load, auto store)
                     HWY_ATTR { store(hn::Mul(scale, hn::Exp(d, hn::Sub(load(x), shift))), x); });
}

void SoftmaxDifferenceRow(float* model, const float* baseline, std::size_t n, float model_log_sum,
                          float baseline_log_sum, float factor) {
  const Floats d;
  const Vector of_model = hn::Set(d, model_log_sum), of_baseline = hn::Set(d, baseline_log_sum);
  const Vector scale = hn::Set(d, factor);
  each_vector(n, [=](auto load, auto store) HWY_ATTR {
    const Vector m = hn::Exp(d, hn::Sub(load(model), of_model));
    const Vector b = hn::Exp(d, hn::Sub(load(baseline), of_baseline));
    store(hn::Mul(scale, hn::Sub(m, b)), model);
  });
}

void FakeQuantizeGroup(float* out, const float* w, std::size_t n, const GroupGrid& grid) {
  const Levels<Floats> levels(grid);
  each_vector(n, [&](auto load, auto store) HWY_ATTR { store(levels.value(levels.nearest(load(w))), out); });
}

float FakeQuantizeGradientGroup(float* dw, const float* w, std::size_t n, const GroupGrid& grid) {
  const Floats d;
  const Levels<Floats> levels(grid);
  Vector sum = hn::Zero(d);
  each_vector(n, [&](auto load, auto store) HWY_ATTR {
    const Vector weight = load(w), gradient = load(dw), level = levels.unlimited(weight);
    const auto inside = levels.is_inside(level);
    const Vector steps = levels.steps(levels.limited(level));
    sum = hn::MulAdd(gradient, hn::Sub(steps, hn::IfThenElseZero(inside, levels.exact_steps(weight))), sum);
    store(hn::IfThenElseZero(inside, gradient), dw);
  });
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

float DotRow(const float* a, const float* b, std::size_t n) {
  const Floats d;
  Vector sum = hn::Zero(d);
  each_vector(n, [&](auto load, auto) HWY_ATTR { sum = hn::MulAdd(load(a), load(b), sum); });
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

void AdamwRow(float* value, const float* gradient, float* mean, float* square, std::size_t n,
              const AdamwFactors& f) {
  const Floats d;
  const Vector beta1 = hn::Set(d, f.beta1), new1 = hn::Set(d, 1.0F - f.beta1);
  const Vector beta2 = hn::Set(d, f.beta2), new2 = hn::Set(d, 1.0F - f.beta2);
  each_vector(n, [=](auto load, auto store) HWY_ATTR {
    const Vector g = hn::Mul(load(gradient), hn::Set(d, f.gradient_factor));
    const Vector m = hn::MulAdd(beta1, load(mean), hn::Mul(new1, g));
    const Vector v = hn::MulAdd(beta2, load(square), hn::Mul(new2, hn::Mul(g, g)));
    const Vector root = hn::Add(hn::Sqrt(hn::Mul(v, hn::Set(d, f.correction))), hn::Set(d, f.epsilon));
    const Vector moved = hn::Mul(hn::Set(d, f.rate), hn::Div(m, root));
    store(m, mean);
    store(v, square);
    store(hn::Sub(hn::Mul(hn::Set(d, f.keep), load(value)), moved), value);
  });
}

}  // namespace presswork::modelkit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace presswork::modelkit {
namespace {

// f'(x)
double slope_of(double x, Activation f) {
  const auto sigmoid = [](double value) { return 1.0 / (1.0 + std::exp(-value)); };
  switch (f) {
    case Activation::Silu: {
      const double s = sigmoid(x);
      return s * (1.0 + x * (1.0 - s));
    }
    case Activation::GeluQuick: {
      const double s = sigmoid(1.702 * x);
      return s * (1.0 + 1.702 * x * (1.0 - s));
    }
    case Activation::Gelu:
      return 0.5 * (1.0 + std::erf(x * 0.7071067811865476)) + x * 0.3989422804014327 * std::exp(-0.5 * x * x);
    case Activation::GeluTanh: {
      constexpr double kRoot = 0.7978845608028654, kCube = 0.044715;
      const double t = std::tanh(kRoot * (x + kCube * x * x * x));
      return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * kRoot * (1.0 + 3.0 * kCube * x * x);
    }
    case Activation::Relu:
      return x > 0.0 ? 1.0 : 0.0;
    case Activation::ReluSquared:
      return x > 0.0 ? 2.0 * x : 0.0;
  }
  return 0.0;
}

}  // namespace

HWY_EXPORT(SiluGradientRow);
HWY_EXPORT(SoftmaxRow);
HWY_EXPORT(SoftmaxDifferenceRow);
HWY_EXPORT(FakeQuantizeGroup);
HWY_EXPORT(FakeQuantizeGradientGroup);
HWY_EXPORT(DotRow);
HWY_EXPORT(AdamwRow);

void activation_gradient_row(float* dx, const float* x, std::size_t n, Activation f) {
  if (f == Activation::Silu) return HWY_DYNAMIC_DISPATCH(SiluGradientRow)(dx, x, n);
  for (std::size_t i = 0; i < n; ++i) dx[i] *= static_cast<float>(slope_of(x[i], f));
}

void softmax_row(float* x, std::size_t n, float log_sum, float factor) {
  HWY_DYNAMIC_DISPATCH(SoftmaxRow)(x, n, log_sum, factor);
}

void softmax_difference_row(float* model, const float* baseline, std::size_t n, float model_log_sum,
                            float baseline_log_sum, float factor) {
  HWY_DYNAMIC_DISPATCH(SoftmaxDifferenceRow)(model, baseline, n, model_log_sum, baseline_log_sum, factor);
}

void fake_quantize_group(float* out, const float* w, std::size_t n, const GroupGrid& grid) {
  HWY_DYNAMIC_DISPATCH(FakeQuantizeGroup)(out, w, n, grid);
}

float fake_quantize_gradient_group(float* dw, const float* w, std::size_t n, const GroupGrid& grid) {
  return HWY_DYNAMIC_DISPATCH(FakeQuantizeGradientGroup)(dw, w, n, grid);
}

float dot_row(const float* a, const float* b, std::size_t n) { return HWY_DYNAMIC_DISPATCH(DotRow)(a, b, n); }

void adamw_row(float* value, const float* gradient, float* mean, float* square, std::size_t n,
               const AdamwFactors& factors) {
  HWY_DYNAMIC_DISPATCH(AdamwRow)(value, gradient, mean, square, n, factors);
}

}  // namespace presswork::modelkit
#endif  // HWY_ONCE
