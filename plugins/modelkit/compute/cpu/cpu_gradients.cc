#include "plugins/modelkit/compute/cpu/cpu_gradients.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "plugins/modelkit/compute/cpu/attention_gradient.h"
#include "plugins/modelkit/compute/cpu/row_kernels.h"
#include "plugins/modelkit/compute/cpu/sgemm.h"
#include "plugins/modelkit/compute/cpu/training_kernels.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

void expect(bool agrees, const char* operation) {
  if (!agrees) throw Error("internal", "shapes do not fit", std::string(operation) + "'s gradient");
}

bool alike(const Matrix& a, const Matrix& b) { return a.rows == b.rows && a.cols == b.cols; }
bool is_row(const Matrix& a, std::size_t cols) { return a.rows == 1 && a.cols == cols; }

// Mean and 1 / deviation of a row; without `centred` the mean counts as 0.
struct Spread {
  double mean = 0.0, inverse = 1.0;
};

Spread spread_of(const float* x, std::size_t n, double epsilon, bool centred) {
  Spread spread;
  for (std::size_t c = 0; centred && c < n; ++c) spread.mean += x[c] / static_cast<double>(n);
  double squares = 0.0;
  for (std::size_t c = 0; c < n; ++c) squares += (x[c] - spread.mean) * (x[c] - spread.mean);
  spread.inverse = 1.0 / std::sqrt(squares / static_cast<double>(n) + epsilon);
  return spread;
}

// dx of a normalized row y = (x - mean) * inverse * weight.
void norm_gradient_row(float* dx, const float* dout, const float* x, const float* weight, std::size_t n,
                       const Spread& spread, bool centred) {
  double mean = 0.0, along = 0.0;  // of g = dout * weight: its mean, and that of g times the normalized x
  for (std::size_t c = 0; c < n; ++c) {
    const double g = static_cast<double>(dout[c]) * weight[c];
    mean += g / static_cast<double>(n);
    along += g * (x[c] - spread.mean) * spread.inverse / static_cast<double>(n);
  }
  if (!centred) mean = 0.0;
  for (std::size_t c = 0; c < n; ++c) {
    const double g = static_cast<double>(dout[c]) * weight[c], normal = (x[c] - spread.mean) * spread.inverse;
    dx[c] = static_cast<float>(spread.inverse * (g - mean - normal * along));
  }
}

}  // namespace

std::unique_ptr<Gradients> make_cpu_gradients(Compute& compute) {
  auto* cpu = dynamic_cast<CpuCompute*>(&compute);
  if (cpu == nullptr) throw Error("internal", "the device is not the CPU", "gradients");
  return std::make_unique<CpuGradients>(cpu->pool());
}

template <class Value>
void CpuGradients::add_columns(float* sums, std::size_t rows, std::size_t cols, Value value) {
  constexpr std::size_t kColumns = 64;
  threads_.run((cols + kColumns - 1) / kColumns, [&](std::size_t i) {
    const std::size_t first = i * kColumns, count = std::min(kColumns, cols - first);
    double part[kColumns] = {};
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < count; ++c) part[c] += value(r, first + c);
    }
    for (std::size_t c = 0; c < count; ++c) sums[first + c] += static_cast<float>(part[c]);
  });
}

void CpuGradients::product(const Matrix& out, const Matrix& a, Form a_form, const Matrix& b, Form b_form,
                           bool accumulate) {
  const bool a_turned = a_form == Form::Transposed, b_turned = b_form == Form::Transposed;
  const std::size_t depth = a_turned ? a.rows : a.cols;
  expect((a_turned ? a.cols : a.rows) == out.rows && (b_turned ? b.rows : b.cols) == out.cols &&
             (b_turned ? b.cols : b.rows) == depth,
         "product");
  constexpr std::size_t kRows = 128, kColumns = 512;  // of a tile
  const std::size_t across = (out.cols + kColumns - 1) / kColumns, down = (out.rows + kRows - 1) / kRows;
  threads_.run(down * across, [&](std::size_t tile) {
    const std::size_t r = tile / across * kRows, c = tile % across * kColumns;
    Sgemm one;
    one.a_form = a_turned ? 'T' : 'N';
    one.b_form = b_turned ? 'T' : 'N';
    one.m = std::min(kRows, out.rows - r);
    one.n = std::min(kColumns, out.cols - c);
    one.k = depth;
    one.a = a_turned ? cpu_row(a, 0) + r : cpu_row(a, r);
    one.a_stride = a.stride;
    one.b = b_turned ? cpu_row(b, c) : cpu_row(b, 0) + c;
    one.b_stride = b.stride;
    one.beta = accumulate ? 1.0F : 0.0F;
    one.c = cpu_row(out, r) + c;
    one.c_stride = out.stride;
    sgemm(one);
  });
}

void CpuGradients::add_bias(const Matrix& dbias, const Matrix& dout) {
  expect(is_row(dbias, dout.cols), "bias");
  add_columns(cpu_row(dbias, 0), dout.rows, dout.cols,
              [&](std::size_t r, std::size_t c) { return static_cast<double>(cpu_row(dout, r)[c]); });
}

void CpuGradients::gather(const Matrix& dtable, const Matrix& dout, std::span<const std::int32_t> ids) {
  expect(dout.rows == ids.size() && dout.cols == dtable.cols, "gather");
  expect(std::all_of(ids.begin(), ids.end(),
                     [&](std::int32_t id) { return id >= 0 && static_cast<std::size_t>(id) < dtable.rows; }),
         "gather");
  constexpr std::size_t kColumns = 64;
  threads_.run((dtable.cols + kColumns - 1) / kColumns, [&](std::size_t i) {
    const std::size_t first = i * kColumns, count = std::min(kColumns, dtable.cols - first);
    for (std::size_t r = 0; r < ids.size(); ++r) {
      add_row(cpu_row(dtable, static_cast<std::size_t>(ids[r])) + first, cpu_row(dout, r) + first, count);
    }
  });
}

void CpuGradients::rms_norm(const Matrix& dx, const Matrix& dweight, const Matrix& dout, const Matrix& x,
                            const Matrix& weight, float epsilon) {
  norm(dx, dweight, dout, x, weight, epsilon, false);
}

void CpuGradients::layer_norm(const Matrix& dx, const Matrix& dweight, const Matrix& dbias,
                              const Matrix& dout, const Matrix& x, const Matrix& weight, float epsilon) {
  if (dbias.storage != nullptr) add_bias(dbias, dout);
  norm(dx, dweight, dout, x, weight, epsilon, true);
}

void CpuGradients::norm(const Matrix& dx, const Matrix& dweight, const Matrix& dout, const Matrix& x,
                        const Matrix& weight, float epsilon, bool centred) {
  expect(alike(dx, x) && alike(dout, x) && is_row(weight, x.cols), "norm");
  expect(dweight.storage == nullptr || is_row(dweight, x.cols), "norm");
  std::vector<Spread> spreads(x.rows);
  each_row(x.rows, [&](std::size_t r) { spreads[r] = spread_of(cpu_row(x, r), x.cols, epsilon, centred); });
  if (dweight.storage != nullptr) {
    add_columns(cpu_row(dweight, 0), x.rows, x.cols, [&](std::size_t r, std::size_t c) {
      return cpu_row(dout, r)[c] * (cpu_row(x, r)[c] - spreads[r].mean) * spreads[r].inverse;
    });
  }
  each_row(x.rows, [&](std::size_t r) {
    norm_gradient_row(cpu_row(dx, r), cpu_row(dout, r), cpu_row(x, r), cpu_row(weight, 0), x.cols, spreads[r],
                      centred);
  });
}

void CpuGradients::attention(const Matrix& dq, const Matrix& dk, const Matrix& dv, const Matrix& dout,
                             const Matrix& out, const Matrix& q, const Matrix& k, const Matrix& v,
                             const AttentionShape& s) {
  expect(q.rows == s.sequences * s.queries && q.cols == s.heads * s.head_dim && alike(dq, q) &&
             alike(out, q) && alike(dout, q),
         "attention");
  expect(k.rows == s.sequences * s.keys && k.cols == s.kv_heads * s.head_dim && alike(v, k) && alike(dk, k) &&
             alike(dv, k),
         "attention");
  expect(s.heads % s.kv_heads == 0 && s.keys >= s.queries, "attention");
  expect(s.sinks.empty() || s.sinks.size() == s.heads, "attention");
  const std::size_t share = s.heads / s.kv_heads;
  threads_.run(s.sequences * s.kv_heads, [&](std::size_t i) {
    const std::size_t sequence = i / s.kv_heads, kv_head = i % s.kv_heads;
    const auto of_queries = [&](const Matrix& m) {
      return cpu_row(m, sequence * s.queries) + kv_head * share * s.head_dim;
    };
    const auto of_keys = [&](const Matrix& m) {
      return cpu_row(m, sequence * s.keys) + kv_head * s.head_dim;
    };
    AttentionGradient one;
    one.q = of_queries(q), one.out = of_queries(out), one.dout = of_queries(dout), one.dq = of_queries(dq);
    one.q_stride = q.stride, one.out_stride = out.stride;
    one.dout_stride = dout.stride, one.dq_stride = dq.stride;
    one.k = of_keys(k), one.v = of_keys(v), one.dk = of_keys(dk), one.dv = of_keys(dv);
    one.k_stride = k.stride, one.v_stride = v.stride, one.dk_stride = dk.stride, one.dv_stride = dv.stride;
    one.heads = share, one.queries = s.queries, one.keys = s.keys, one.depth = s.head_dim;
    one.sliding_window = s.sliding_window, one.scale = s.scale, one.softcap = s.softcap;
    one.sinks = s.sinks.empty() ? nullptr : s.sinks.data() + kv_head * share;
    thread_local std::vector<float> scratch;
    attention_gradient(one, scratch);
  });
}

void CpuGradients::activate(const Matrix& dx, const Matrix& x, Activation f) {
  expect(alike(dx, x), "activate");
  each_row(x.rows, [&](std::size_t r) { activation_gradient_row(cpu_row(dx, r), cpu_row(x, r), x.cols, f); });
}

void CpuGradients::activate_multiply(const Matrix& dgate, const Matrix& dup, const Matrix& dout,
                                     const Matrix& gate, const Matrix& up, Activation f) {
  expect(alike(dgate, gate) && alike(dup, gate) && alike(dout, gate) && alike(up, gate), "activate_multiply");
  each_row(gate.rows, [&](std::size_t r) {
    float *to_gate = cpu_row(dgate, r), *to_up = cpu_row(dup, r);
    const float *from = cpu_row(dout, r), *gates = cpu_row(gate, r), *ups = cpu_row(up, r);
    std::copy(gates, gates + gate.cols, to_up);
    activate_multiply_row(to_up, from, gate.cols, f);
    for (std::size_t c = 0; c < gate.cols; ++c) to_gate[c] = from[c] * ups[c];
    activation_gradient_row(to_gate, gates, gate.cols, f);
  });
}

void CpuGradients::softcap(const Matrix& dx, const Matrix& x, float cap) {
  expect(alike(dx, x), "softcap");
  each_row(x.rows, [&](std::size_t r) {
    for (std::size_t c = 0; c < x.cols; ++c) {
      const float bent = std::tanh(cpu_row(x, r)[c] / cap);
      cpu_row(dx, r)[c] *= 1.0F - bent * bent;
    }
  });
}

void CpuGradients::log_sum_exp(const Matrix& logits, const LogSumExp& state, std::size_t first,
                               std::span<const std::int32_t> targets, std::span<const float> factors) {
  expect(state.rows() == logits.rows && targets.size() == logits.rows && factors.size() == logits.rows,
         "log_sum_exp");
  each_row(logits.rows, [&](std::size_t r) {
    float* row = cpu_row(logits, r);
    const double log_sum = state.largest[r] + std::log(state.sum[r]);
    softmax_row(row, logits.cols, static_cast<float>(log_sum), factors[r]);
    const std::int64_t place = targets[r] - static_cast<std::int64_t>(first);
    if (place >= 0 && place < static_cast<std::int64_t>(logits.cols)) row[place] -= factors[r];
  });
}

void CpuGradients::divergence(const Matrix& model, const Matrix& baseline, const Divergence& state,
                              std::span<const float> factors) {
  expect(alike(model, baseline) && state.rows() == model.rows && factors.size() == model.rows, "divergence");
  const auto log_sum = [](const LogSumExp& one, std::size_t r) {
    return static_cast<float>(one.largest[r] + std::log(one.sum[r]));
  };
  each_row(model.rows, [&](std::size_t r) {
    softmax_difference_row(cpu_row(model, r), cpu_row(baseline, r), model.cols, log_sum(state.model, r),
                           log_sum(state.baseline, r), factors[r]);
  });
}

}  // namespace presswork::modelkit
