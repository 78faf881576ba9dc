// The operations of compute.h written out in float64, without any care for speed: what implementations are
// judged against.
#pragma once

#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

#include "plugins/modelkit/compute/compute.h"

namespace presswork::modelkit::reference {

struct Values {
  std::size_t rows = 0, cols = 0;
  std::vector<double> at;

  Values(std::size_t r, std::size_t c) : rows(r), cols(c), at(r * c, 0.0) {}
  double& operator()(std::size_t r, std::size_t c) { return at[r * cols + c]; }
  double operator()(std::size_t r, std::size_t c) const { return at[r * cols + c]; }
  std::vector<float> floats() const { return {at.begin(), at.end()}; }
};

// Normal values that float32 holds exactly.
inline Values random(std::size_t rows, std::size_t cols, unsigned seed, double deviation = 1.0) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0F, static_cast<float>(deviation));
  Values values(rows, cols);
  for (double& value : values.at) value = normal(generator);
  return values;
}

// x weight^T + bias
inline Values linear(const Values& x, const Values& weight, const std::vector<float>& bias) {
  Values out(x.rows, weight.rows);
  for (std::size_t r = 0; r < x.rows; ++r) {
    for (std::size_t n = 0; n < weight.rows; ++n) {
      double sum = bias.empty() ? 0.0 : bias[n];
      for (std::size_t k = 0; k < x.cols; ++k) sum += x(r, k) * weight(n, k);
      out(r, n) = sum;
    }
  }
  return out;
}

inline Values rms_norm(const Values& x, const Values& weight, double epsilon) {
  Values out(x.rows, x.cols);
  for (std::size_t r = 0; r < x.rows; ++r) {
    double squares = 0.0;
    for (std::size_t c = 0; c < x.cols; ++c) squares += x(r, c) * x(r, c);
    const double scale = 1.0 / std::sqrt(squares / static_cast<double>(x.cols) + epsilon);
    for (std::size_t c = 0; c < x.cols; ++c) out(r, c) = x(r, c) * scale * weight(0, c);
  }
  return out;
}

inline Values layer_norm(const Values& x, const Values& weight, const Values* bias, double epsilon) {
  Values out(x.rows, x.cols);
  for (std::size_t r = 0; r < x.rows; ++r) {
    double mean = 0.0, variance = 0.0;
    for (std::size_t c = 0; c < x.cols; ++c) mean += x(r, c) / static_cast<double>(x.cols);
    for (std::size_t c = 0; c < x.cols; ++c)
      variance += (x(r, c) - mean) * (x(r, c) - mean) / static_cast<double>(x.cols);
    for (std::size_t c = 0; c < x.cols; ++c) {
      out(r, c) = (x(r, c) - mean) / std::sqrt(variance + epsilon) * weight(0, c);
      if (bias != nullptr) out(r, c) += (*bias)(0, c);
    }
  }
  return out;
}

// With `interleaved` the pairs are (2i, 2i + 1) instead of (i, i + half).
inline Values rope(const Values& x, const Values& cos, const Values& sin, std::size_t head_dim,
                   std::size_t tokens, std::size_t first, bool interleaved = false) {
  Values out = x;
  const std::size_t half = cos.cols;
  for (std::size_t r = 0; r < x.rows; ++r) {
    const std::size_t p = first + r % tokens;
    for (std::size_t h = 0; h < x.cols; h += head_dim) {
      for (std::size_t i = 0; i < half; ++i) {
        const std::size_t one = h + (interleaved ? 2 * i : i), other = interleaved ? one + 1 : one + half;
        const double a = x(r, one), b = x(r, other);
        out(r, one) = a * cos(p, i) - b * sin(p, i);
        out(r, other) = b * cos(p, i) + a * sin(p, i);
      }
    }
  }
  return out;
}

inline Values attention(const Values& q, const Values& k, const Values& v, const AttentionShape& s) {
  Values out(q.rows, q.cols);
  for (std::size_t b = 0; b < s.sequences; ++b) {
    for (std::size_t h = 0; h < s.heads; ++h) {
      const std::size_t qc = h * s.head_dim, kc = h / (s.heads / s.kv_heads) * s.head_dim;
      for (std::size_t i = 0; i < s.queries; ++i) {
        const std::size_t position = s.keys - s.queries + i, row = b * s.queries + i;
        const std::size_t from =
            s.sliding_window != 0 && position + 1 > s.sliding_window ? position + 1 - s.sliding_window : 0;
        double sum = s.sinks.empty() ? 0.0 : std::exp(static_cast<double>(s.sinks[h]));
        for (std::size_t j = from; j <= position; ++j) {
          double score = 0.0;
          for (std::size_t d = 0; d < s.head_dim; ++d) score += q(row, qc + d) * k(b * s.keys + j, kc + d);
          score *= s.scale;
          if (s.softcap > 0.0F) score = s.softcap * std::tanh(score / s.softcap);
          const double weight = std::exp(score);
          sum += weight;
          for (std::size_t d = 0; d < s.head_dim; ++d) out(row, qc + d) += weight * v(b * s.keys + j, kc + d);
        }
        for (std::size_t d = 0; d < s.head_dim; ++d) out(row, qc + d) /= sum;
      }
    }
  }
  return out;
}

inline double activation(double x, Activation f) {
  switch (f) {
    case Activation::Silu:
      return x / (1.0 + std::exp(-x));
    case Activation::Gelu:
      return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
    case Activation::GeluTanh:
      return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case Activation::GeluQuick:
      return x / (1.0 + std::exp(-1.702 * x));
    case Activation::Relu:
      return x > 0 ? x : 0;
    case Activation::ReluSquared:
      return x > 0 ? x * x : 0;
  }
  return 0;
}

inline double negative_log_likelihood(const Values& logits, std::size_t row, std::size_t target) {
  double largest = logits(row, 0), sum = 0.0;
  for (std::size_t c = 0; c < logits.cols; ++c) largest = std::max(largest, logits(row, c));
  for (std::size_t c = 0; c < logits.cols; ++c) sum += std::exp(logits(row, c) - largest);
  return std::log(sum) + largest - logits(row, target);
}

// sum p (log p - log q) in float64.
inline double kullback_leibler(const Values& b, const Values& m, std::size_t row) {
  // log p of entry c is b(row, c) - shift.
  const double b_shift = negative_log_likelihood(b, row, 0) + b(row, 0);
  const double m_shift = negative_log_likelihood(m, row, 0) + m(row, 0);
  double sum = 0.0;
  for (std::size_t c = 0; c < b.cols; ++c) {
    const double log_p = b(row, c) - b_shift, log_q = m(row, c) - m_shift;
    sum += std::exp(log_p) * (log_p - log_q);
  }
  return sum;
}

}  // namespace presswork::modelkit::reference
