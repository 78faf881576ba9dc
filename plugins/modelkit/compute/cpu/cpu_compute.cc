#include "plugins/modelkit/compute/cpu/cpu_compute.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>

#include "plugins/modelkit/compute/cpu/attention_kernel.h"
#include "plugins/modelkit/compute/cpu/bf16_linear.h"
#include "plugins/modelkit/compute/cpu/bf16_product.h"
#include "plugins/modelkit/compute/cpu/few_rows_kernel.h"
#include "plugins/modelkit/compute/cpu/int_linear.h"
#include "plugins/modelkit/compute/cpu/matmul.h"
#include "plugins/modelkit/compute/cpu/quantized_input_linear.h"
#include "plugins/modelkit/compute/cpu/row_kernels.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

std::string shape_text(const Matrix& m) {
  return "[" + std::to_string(m.rows) + ", " + std::to_string(m.cols) + "]";
}

void expect(bool agrees, const char* operation, const Matrix& a, const Matrix& b) {
  if (agrees) return;
  throw Error("internal", "shapes " + shape_text(a) + " and " + shape_text(b) + " do not fit", operation);
}

}  // namespace

std::unique_ptr<Compute> make_cpu_compute(unsigned threads, WeightForm weights) {
  return std::make_unique<CpuCompute>(threads, weights);
}

CpuCompute::CpuCompute(unsigned threads, WeightForm weights) : threads_(threads), weights_(weights) {}

template <class Rows>
void CpuCompute::each_block(std::size_t rows, std::size_t cols, Rows body) {
  constexpr std::size_t kValues = 16384;
  const std::size_t height = std::max<std::size_t>(1, kValues / std::max<std::size_t>(1, cols));
  threads_.run((rows + height - 1) / height,
               [&](std::size_t i) { body(i * height, std::min(rows, (i + 1) * height)); });
}

Matrix CpuCompute::allocate(std::size_t rows, std::size_t cols) {
  return {std::make_shared<CpuStorage>(memory_, rows * cols), 0, rows, cols, cols};
}

void CpuCompute::write(const Matrix& to, std::span<const float> from) {
  if (from.size() != to.rows * to.cols) throw Error("internal", "the host's values do not fill it", "write");
  for (std::size_t r = 0; r < to.rows; ++r) {
    std::memcpy(cpu_row(to, r), from.data() + r * to.cols, to.cols * sizeof(float));
  }
}

void CpuCompute::read(const Matrix& from, std::span<float> to) {
  if (to.size() != from.rows * from.cols)
    throw Error("internal", "the host's memory has another size", "read");
  for (std::size_t r = 0; r < from.rows; ++r) {
    std::memcpy(to.data() + r * from.cols, cpu_row(from, r), from.cols * sizeof(float));
  }
}

std::shared_ptr<const PackedLinear> CpuCompute::pack(const LinearSource& source) {
  if (!source.inputs) return pack_weight(source);
  const bool as_stored = weights_ == WeightForm::Float32 || weights_ == WeightForm::Stored;
  if (as_stored && CpuIntLinear::fits(source))
    return std::make_shared<CpuIntLinear>(source, threads_, memory_);
  return std::make_shared<CpuQuantizedInputLinear>(pack_weight(source), *source.inputs);
}

std::shared_ptr<const CpuLinear> CpuCompute::pack_weight(const LinearSource& source) {
  switch (weights_) {
    case WeightForm::Float32:
      break;
    case WeightForm::Int8:
      return std::make_shared<CpuIntLinear>(source, 8, threads_, memory_);
    case WeightForm::Int4:
      return std::make_shared<CpuIntLinear>(source, 4, threads_, memory_);
    case WeightForm::Stored:
      if (CpuIntLinear::fits(source)) return std::make_shared<CpuIntLinear>(source, threads_, memory_);
      [[fallthrough]];
    case WeightForm::Bf16:
      return std::make_shared<CpuBf16Linear>(source, false, threads_, memory_);
    case WeightForm::Bf16Products:
      return std::make_shared<CpuBf16Linear>(source, has_bf16_products(), threads_, memory_);
  }
  return std::make_shared<CpuPackedLinear>(source, threads_, memory_);
}

void CpuCompute::gather(const Matrix& out, const HostTable& table, std::span<const std::int32_t> ids) {
  if (out.rows != ids.size() || out.cols != table.cols)
    throw Error("internal", "shapes do not fit", "gather");
  for (std::size_t r = 0; r < ids.size(); ++r) {
    if (ids[r] >= 0 && static_cast<std::size_t>(ids[r]) < table.rows) continue;
    throw Error(
        "invalid_input",
        "token id " + std::to_string(ids[r]) + " is outside the vocabulary of " + std::to_string(table.rows),
        "embedding", "use the tokenizer that belongs to the model");
  }
  const std::size_t bytes = size_of(table.dtype) * table.cols;
  each_block(out.rows, out.cols, [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r) {
      to_float(table.dtype, table.data + static_cast<std::size_t>(ids[r]) * bytes, table.cols,
               cpu_row(out, r));
    }
  });
}

void CpuCompute::linear(const Matrix& out, const Matrix& x, const PackedLinear& weight, bool accumulate) {
  expect(out.rows == x.rows && x.cols == weight.in() && out.cols == weight.out(), "linear", out, x);
  const auto& packed = static_cast<const CpuLinear&>(weight);
  packed.multiply(cpu_row(out, 0), out.stride, cpu_row(x, 0), x.stride, x.rows, accumulate, threads_);
}

void CpuCompute::rms_norm(const Matrix& out, const Matrix& x, const Matrix& weight, float epsilon) {
  expect(out.rows == x.rows && out.cols == x.cols, "rms_norm", out, x);
  expect(weight.rows == 1 && weight.cols == x.cols, "rms_norm", weight, x);
  each_block(x.rows, x.cols, [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r)
      rms_norm_row(cpu_row(out, r), cpu_row(x, r), cpu_row(weight, 0), x.cols, epsilon);
  });
}

void CpuCompute::layer_norm(const Matrix& out, const Matrix& x, const Matrix& weight, const Matrix& bias,
                            float epsilon) {
  expect(out.rows == x.rows && out.cols == x.cols, "layer_norm", out, x);
  expect(weight.rows == 1 && weight.cols == x.cols, "layer_norm", weight, x);
  const bool biased = bias.storage != nullptr;
  expect(!biased || (bias.rows == 1 && bias.cols == x.cols), "layer_norm", bias, x);
  each_block(x.rows, x.cols, [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r) {
      layer_norm_row(cpu_row(out, r), cpu_row(x, r), cpu_row(weight, 0), biased ? cpu_row(bias, 0) : nullptr,
                     x.cols, epsilon);
    }
  });
}

// Calls rotate(head, cos, sin) for each head of each row, with its token's row of the tables.
template <class RotateHead>
void CpuCompute::each_head(const Matrix& x, const Matrix& cos, const Matrix& sin, std::size_t head_dim,
                           std::size_t tokens, std::size_t first, RotateHead rotate) {
  expect(cos.rows == sin.rows && cos.cols == sin.cols, "rope", cos, sin);
  expect(2 * cos.cols <= head_dim && x.cols % head_dim == 0 && first + tokens <= cos.rows, "rope", x, cos);
  each_block(x.rows, x.cols, [&](std::size_t from, std::size_t to) {
    for (std::size_t r = from; r < to; ++r) {
      const std::size_t position = first + r % tokens;
      for (std::size_t c = 0; c < x.cols; c += head_dim) {
        rotate(cpu_row(x, r) + c, cpu_row(cos, position), cpu_row(sin, position));
      }
    }
  });
}

void CpuCompute::rope(const Matrix& x, const Matrix& cos, const Matrix& sin, std::size_t head_dim,
                      std::size_t tokens, std::size_t first) {
  each_head(x, cos, sin, head_dim, tokens, first,
            [&](float* head, const float* c, const float* s) { rope_head(head, c, s, cos.cols); });
}

void CpuCompute::rope_interleaved(const Matrix& x, const Matrix& cos, const Matrix& sin, std::size_t head_dim,
                                  std::size_t tokens, std::size_t first) {
  each_head(x, cos, sin, head_dim, tokens, first, [&](float* head, const float* c, const float* s) {
    for (std::size_t i = 0; i < cos.cols; ++i) {
      const float a = head[2 * i], b = head[2 * i + 1];
      head[2 * i] = a * c[i] - b * s[i];
      head[2 * i + 1] = b * c[i] + a * s[i];
    }
  });
}

void CpuCompute::attention(const Matrix& out, const Matrix& q, const Matrix& k, const Matrix& v,
                           const AttentionShape& s) {
  expect(q.rows == s.sequences * s.queries && q.cols == s.heads * s.head_dim, "attention", q, k);
  expect(k.rows == s.sequences * s.keys && k.cols == s.kv_heads * s.head_dim, "attention", q, k);
  expect(v.rows == k.rows && v.cols == k.cols && out.rows == q.rows && out.cols == q.cols, "attention", v,
         out);
  expect(s.heads % s.kv_heads == 0 && s.keys >= s.queries && k.stride == v.stride, "attention", q, k);
  expect(s.sinks.empty() || s.sinks.size() == s.heads, "attention", q, k);
  // Packing keys pays only when many queries read them.
  constexpr std::size_t kFewQueries = 4;
  if (s.queries <= kFewQueries) return decode_attention_rows(out, q, k, v, s);
  constexpr std::size_t kRows = AttentionTile::kQueries;
  const std::size_t depth = s.head_dim, pairs = s.sequences * s.kv_heads;
  constexpr std::size_t kPanel = AttentionTile::kPanel;
  const std::size_t panels =
      (s.keys + kPanel - 1) / kPanel * kPanel * depth;  // values of one sequence and head
  const CpuStorage packed_k(memory_, pairs * panels), packed_v(memory_, pairs * s.keys * depth);
  threads_.run(pairs, [&](std::size_t i) {
    const std::size_t first = i / s.kv_heads * s.keys, column = i % s.kv_heads * depth;
    pack_keys(packed_k.data() + i * panels, cpu_row(k, first) + column, k.stride, s.keys, depth);
    float* values = packed_v.data() + i * s.keys * depth;
    for (std::size_t t = 0; t < s.keys; ++t) {
      std::memcpy(values + t * depth, cpu_row(v, first + t) + column, depth * sizeof(float));
    }
  });
  const std::size_t tiles = (s.queries + kRows - 1) / kRows;
  threads_.run(s.sequences * s.heads * tiles, [&](std::size_t i) {
    const std::size_t sequence = i / (s.heads * tiles), head = i / tiles % s.heads;
    const std::size_t kv_head = head / (s.heads / s.kv_heads), first = i % tiles * kRows;
    AttentionTile tile;
    tile.q = cpu_row(q, sequence * s.queries + first) + head * depth;
    tile.q_stride = q.stride;
    const std::size_t pair = sequence * s.kv_heads + kv_head;
    tile.k_panels = packed_k.data() + pair * panels;
    tile.v = packed_v.data() + pair * s.keys * depth;
    tile.out = cpu_row(out, sequence * s.queries + first) + head * depth;
    tile.out_stride = out.stride;
    tile.rows = std::min(kRows, s.queries - first);
    tile.position = s.keys - s.queries + first;
    tile.head_dim = depth;
    tile.sliding_window = s.sliding_window;
    tile.scale = s.scale;
    tile.softcap = s.softcap;
    tile.sink = s.sinks.empty() ? nullptr : &s.sinks[head];
    thread_local std::vector<float> scratch;
    attention_tile(tile, scratch);
  });
}

void CpuCompute::decode_attention_rows(const Matrix& out, const Matrix& q, const Matrix& k, const Matrix& v,
                                       const AttentionShape& s) {
  const std::size_t share = s.heads / s.kv_heads;
  // A tile: one sequence's key/value head with all its queries.
  const auto tile = [&](std::size_t i) {
    const std::size_t sequence = i / s.kv_heads, kv_head = i % s.kv_heads;
    thread_local std::vector<float> scores;
    scores.resize(s.keys);
    for (std::size_t query = 0; query < s.queries; ++query) {
      const std::size_t seen = s.keys - s.queries + query + 1;
      for (std::size_t head = kv_head * share; head < (kv_head + 1) * share; ++head) {
        DecodeAttention one;
        one.q = cpu_row(q, sequence * s.queries + query) + head * s.head_dim;
        one.k = cpu_row(k, sequence * s.keys) + kv_head * s.head_dim;
        one.v = cpu_row(v, sequence * s.keys) + kv_head * s.head_dim;
        one.out = cpu_row(out, sequence * s.queries + query) + head * s.head_dim;
        one.stride = k.stride;
        one.depth = s.head_dim;
        one.first = s.sliding_window != 0 && seen > s.sliding_window ? seen - s.sliding_window : 0;
        one.last = seen;
        one.scale = s.scale;
        one.softcap = s.softcap;
        one.sink = s.sinks.empty() ? nullptr : &s.sinks[head];
        decode_attention(one, scores.data());
      }
    }
  };
  const std::size_t tiles = s.sequences * s.kv_heads;
  constexpr std::size_t kWorthwhile = 32768;  // values of keys below which waking threads costs more
  if (s.keys * s.heads * s.head_dim < kWorthwhile) {
    for (std::size_t i = 0; i < tiles; ++i) tile(i);
  } else {
    threads_.run(tiles, tile);
  }
}

void CpuCompute::activate(const Matrix& x, Activation f) {
  each_block(x.rows, x.cols, [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r) activate_row(cpu_row(x, r), x.cols, f);
  });
}

void CpuCompute::activate_multiply(const Matrix& gate, const Matrix& up, Activation f) {
  expect(gate.rows == up.rows && gate.cols == up.cols, "activate_multiply", gate, up);
  each_block(gate.rows, gate.cols, [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r)
      activate_multiply_row(cpu_row(gate, r), cpu_row(up, r), gate.cols, f);
  });
}

void CpuCompute::add(const Matrix& x, const Matrix& y) {
  expect(x.rows == y.rows && x.cols == y.cols, "add", x, y);
  each_block(x.rows, x.cols, [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r) add_row(cpu_row(x, r), cpu_row(y, r), x.cols);
  });
}

void CpuCompute::scale(const Matrix& x, float factor) {
  each_block(x.rows, x.cols, [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r) {
      if (factor == 0.0F) {
        std::fill_n(cpu_row(x, r), x.cols, 0.0F);
      } else {
        scale_row(cpu_row(x, r), x.cols, factor);
      }
    }
  });
}

void CpuCompute::softcap(const Matrix& x, float cap) {
  each_block(x.rows, x.cols, [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r) softcap_row(cpu_row(x, r), x.cols, cap);
  });
}

void CpuCompute::clamp(const Matrix& x, float limit) {
  each_block(x.rows, x.cols, [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r) {
      for (std::size_t c = 0; c < x.cols; ++c) cpu_row(x, r)[c] = std::clamp(cpu_row(x, r)[c], -limit, limit);
    }
  });
}

void CpuCompute::take_rows(const Matrix& out, const Matrix& x, std::span<const std::size_t> rows) {
  expect(out.rows == rows.size() && out.cols == x.cols, "take_rows", out, x);
  expect(std::all_of(rows.begin(), rows.end(), [&](std::size_t r) { return r < x.rows; }), "take_rows", out,
         x);
  each_block(out.rows, out.cols, [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r)
      std::memcpy(cpu_row(out, r), cpu_row(x, rows[r]), x.cols * sizeof(float));
  });
}

void CpuCompute::add_rows(const Matrix& x, const Matrix& y, std::span<const std::size_t> rows,
                          std::span<const float> factors) {
  expect(y.rows == rows.size() && y.rows == factors.size() && y.cols == x.cols, "add_rows", x, y);
  expect(std::all_of(rows.begin(), rows.end(), [&](std::size_t r) { return r < x.rows; }), "add_rows", x, y);
  each_block(y.rows, y.cols, [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r)
      add_scaled_row(cpu_row(x, rows[r]), cpu_row(y, r), y.cols, factors[r]);
  });
}

void CpuCompute::log_sum_exp(LogSumExp& state, const Matrix& logits, std::size_t first,
                             std::span<const std::int32_t> targets) {
  if (state.rows() != logits.rows || targets.size() != logits.rows) {
    throw Error("internal", "the numbers of rows do not fit", "log_sum_exp");
  }
  each_block(logits.rows, logits.cols, [&](std::size_t from, std::size_t to) {
    for (std::size_t r = from; r < to; ++r) {
      const auto target = static_cast<std::size_t>(targets[r]);
      if (target >= first && target - first < logits.cols)
        state.target[r] = cpu_row(logits, r)[target - first];
      log_sum_exp_row(cpu_row(logits, r), logits.cols, state.largest[r], state.sum[r]);
    }
  });
}

void CpuCompute::divergence(Divergence& state, const Matrix& baseline, const Matrix& model, std::size_t first,
                            std::span<const std::int32_t> targets) {
  expect(baseline.rows == model.rows && baseline.cols == model.cols, "divergence", baseline, model);
  if (state.rows() != model.rows || targets.size() != model.rows) {
    throw Error("internal", "the numbers of rows do not fit", "divergence");
  }
  const auto offset = static_cast<std::int32_t>(first);
  each_block(model.rows, model.cols, [&](std::size_t from, std::size_t to) {
    for (std::size_t r = from; r < to; ++r) {
      const float *b = cpu_row(baseline, r), *m = cpu_row(model, r);
      const auto target = static_cast<std::size_t>(targets[r]);
      if (target >= first && target - first < model.cols) {
        state.baseline.target[r] = b[target - first];
        state.model.target[r] = m[target - first];
      }
      const float b_before = state.baseline.largest[r], m_before = state.model.largest[r];
      divergence_row(b, m, model.cols, state.baseline.largest[r], state.baseline.sum[r], state.cross[r]);
      log_sum_exp_row(m, model.cols, state.model.largest[r], state.model.sum[r]);
      const auto top = [&](const float* logits, float largest) {
        return offset + static_cast<std::int32_t>(std::find(logits, logits + model.cols, largest) - logits);
      };
      if (state.baseline.largest[r] > b_before) state.baseline_top[r] = top(b, state.baseline.largest[r]);
      if (state.model.largest[r] > m_before) state.model_top[r] = top(m, state.model.largest[r]);
    }
  });
}

bool CpuCompute::all_finite(const Matrix& x) {
  std::atomic<bool> finite{true};
  each_block(x.rows, x.cols, [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r) {
      if (!all_finite_row(cpu_row(x, r), x.cols)) finite = false;
    }
  });
  return finite;
}

}  // namespace presswork::modelkit
