// Operations of training on rows, for the widest vectors of the machine that runs them (Highway). One thread
// each.
#pragma once

#include <cstddef>

#include "plugins/modelkit/compute/activation.h"
#include "plugins/modelkit/compute/rounding.h"

namespace presswork::modelkit {

// dx *= the slope of f at x. Silu only is fast.
void activation_gradient_row(float* dx, const float* x, std::size_t n, Activation f);

// x = factor * exp(x - log_sum)
void softmax_row(float* x, std::size_t n, float log_sum, float factor);

// model = factor * (exp(model - model_log_sum) - exp(baseline - baseline_log_sum))
void softmax_difference_row(float* model, const float* baseline, std::size_t n, float model_log_sum,
                            float baseline_log_sum, float factor);

// out = the values of the nearest levels of w.
void fake_quantize_group(float* out, const float* w, std::size_t n, const GroupGrid& grid);

// Gradients::fake_quantize_gradient() of one group; returns that by the scale.
float fake_quantize_gradient_group(float* dw, const float* w, std::size_t n, const GroupGrid& grid);

float dot_row(const float* a, const float* b, std::size_t n);

// Factors of one step of AdamW: mean = beta1 * mean + (1 - beta1) * g and square likewise, for g = gradient *
// gradient_factor; then value = keep * value - rate * mean / (sqrt(square * correction) + epsilon).
struct AdamwFactors {
  float gradient_factor = 1, beta1 = 0, beta2 = 0, correction = 1, epsilon = 0, rate = 0, keep = 1;
};
void adamw_row(float* value, const float* gradient, float* mean, float* square, std::size_t n,
               const AdamwFactors& factors);

}  // namespace presswork::modelkit
