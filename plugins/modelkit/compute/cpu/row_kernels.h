// Operations on rows, for the widest vectors of the machine that runs them (Highway). One thread each.
#pragma once

#include <cstddef>

#include "plugins/modelkit/compute/activation.h"

namespace presswork::modelkit {

// out = x / sqrt(mean(x^2) + epsilon) * weight, all of length n.
void rms_norm_row(float* out, const float* x, const float* weight, std::size_t n, float epsilon);

// out = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias, all of length n; bias may be null.
void layer_norm_row(float* out, const float* x, const float* weight, const float* bias, std::size_t n,
                    float epsilon);

// Rotates the pairs (i, i + half) of x [2 * half] by cos and sin [half].
void rope_head(float* x, const float* cos, const float* sin, std::size_t half);

// x = f(x), and gate = f(gate) * up.
void activate_row(float* x, std::size_t n, Activation f);
void activate_multiply_row(float* gate, const float* up, std::size_t n, Activation f);

void add_row(float* x, const float* y, std::size_t n);
void add_scaled_row(float* x, const float* y, std::size_t n, float factor);  // x += factor * y
void scale_row(float* x, std::size_t n, float factor);                       // x = factor * x
void softcap_row(float* x, std::size_t n, float cap);                        // x = cap * tanh(x / cap)

bool all_finite_row(const float* x, std::size_t n);

// Takes n more values into log-sum-exp's largest and sum (of exp(value - largest)).
void log_sum_exp_row(const float* x, std::size_t n, float& largest, double& sum);

// The same for b, and the sum of exp(b - largest) * (b - m) in `cross`.
void divergence_row(const float* b, const float* m, std::size_t n, float& largest, double& sum,
                    double& cross);

}  // namespace presswork::modelkit
