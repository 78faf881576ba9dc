#include "plugins/modelkit/model/transformer.h"

#include <algorithm>
#include <bit>
#include <string>

#include "presswork/error.h"

namespace presswork::modelkit {

Transformer::Transformer(Compute& compute, const ModelSource& source)
    : compute_(compute),
      source_(source),
      norm_(source.vector(compute, std::string(architecture_of(source.config()).final_norm) + ".weight")) {
  const ModelConfig& m = source.config();
  rope_frequencies(m);  // throws now rather than after the first layer
  if (m.activation != Activation::Silu) {
    throw Error("unsupported", "the model's activation cannot be computed yet",
                source.checkpoint().config_path(), "supported: silu");
  }
  if (m.kv_heads <= 0 || m.heads % m.kv_heads != 0) {
    throw Error("corrupt_file", "num_attention_heads is not a multiple of num_key_value_heads",
                source.checkpoint().config_path());
  }
}

Matrix Transformer::embed(std::span<const std::int32_t> ids, std::size_t tokens) {
  const Matrix states = compute_.allocate(ids.size(), static_cast<std::size_t>(config().hidden));
  embed(states, ids, tokens);
  return states;
}

void Transformer::embed(const Matrix& states, std::span<const std::int32_t> ids, std::size_t tokens) {
  if (tokens > positions_) {
    positions_ = std::bit_ceil(tokens);
    rope_ = make_rope_table(compute_, config(), positions_);
  }
  const std::string module(architecture_of(config()).embedding);
  const TensorView& table = source_.checkpoint().tensor(module + ".weight");
  compute_.gather(states,
                  {table.dtype, table.bytes.data(), static_cast<std::size_t>(table.shape.at(0)),
                   static_cast<std::size_t>(table.shape.at(1))},
                  ids);
  source_.checkpoint().release(module);
  if (!compute_.all_finite(states)) {
    throw Error("not_finite", "the embedding holds NaN or infinity", module + ".weight",
                "write or download the model again");
  }
}

DecoderLayer Transformer::layer(std::int64_t index) const {
  DecoderLayer loaded(compute_, source_, index);
  if (index + 1 < layers()) prefetcher_.start(source_.checkpoint(), layer_prefix(config(), index + 1));
  return loaded;
}

void Transformer::final_norm(const Matrix& states) const {
  compute_.rms_norm(states, states, norm_, static_cast<float>(config().norm_eps));
  if (!compute_.all_finite(states)) {
    throw Error("not_finite", "the final norm's output holds NaN or infinity",
                std::string(architecture_of(config()).final_norm), "write or download the model again");
  }
}

LinearWeight Transformer::head() const { return source_.linear(head_linear(config()).module); }

std::shared_ptr<const PackedLinear> Transformer::head_part(const LinearWeight& head, std::size_t first,
                                                           std::size_t count) const {
  LinearSource source;
  source.out = count;
  source.in = static_cast<std::size_t>(head.in);
  source.rows = [&head, first](std::size_t from, std::size_t to, float* target) {
    head.dequantize(static_cast<std::int64_t>(first + from), static_cast<std::int64_t>(first + to), target);
  };
  return compute_.pack(source);
}

void Transformer::logits(const Matrix& out, const Matrix& states, const PackedLinear& part) const {
  compute_.linear(out, states, part);
}

void Transformer::release_head() const { source_.checkpoint().release(head_linear(config()).module); }

Matrix Transformer::logits(const Matrix& states) {
  const LinearSite site = head_linear(config());
  const Matrix out = compute_.allocate(states.rows, static_cast<std::size_t>(site.out));
  compute_.linear(out, states, *source_.packed(compute_, site));
  return out;
}

std::vector<double> Transformer::negative_log_likelihood(const Matrix& states,
                                                         std::span<const std::int32_t> targets,
                                                         const std::function<void(double)>& step) {
  const LinearWeight stored = head();
  const auto vocabulary = static_cast<std::size_t>(stored.out);
  const Matrix block = compute_.allocate(std::min(kHeadRows, states.rows), std::min(kHeadSlice, vocabulary));
  std::vector<LogSumExp> sums;
  for (std::size_t r = 0; r < states.rows; r += kHeadRows)
    sums.emplace_back(std::min(kHeadRows, states.rows - r));
  for (std::size_t first = 0; first < vocabulary; first += kHeadSlice) {
    const std::size_t count = std::min(kHeadSlice, vocabulary - first);
    const auto slice = head_part(stored, first, count);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const std::size_t row = i * kHeadRows, rows = sums[i].rows();
      const Matrix part = block.row_range(0, rows).column_range(0, count);
      logits(part, states.row_range(row, rows), *slice);
      compute_.log_sum_exp(sums[i], part, first, targets.subspan(row, rows));
      if (step && i % 16 == 0) {
        step(
            (static_cast<double>(first) + static_cast<double>(count * i) / static_cast<double>(sums.size())) /
            static_cast<double>(vocabulary));
      }
    }
  }
  release_head();
  std::vector<double> losses(states.rows, 0.0);
  for (std::size_t r = 0; r < states.rows; ++r) {
    if (targets[r] >= 0) losses[r] = sums[r / kHeadRows].negative_log_likelihood(r % kHeadRows);
  }
  return losses;
}

std::uint64_t Transformer::predicted_head_bytes(const ModelSource& model, std::size_t rows) {
  const ModelConfig& m = model.config();
  const auto hidden = static_cast<std::uint64_t>(m.hidden), vocabulary = static_cast<std::uint64_t>(m.vocab);
  const std::uint64_t slice = std::min<std::uint64_t>(kHeadSlice, vocabulary);
  const std::uint64_t stored = vocabulary * hidden * size_of(m.dtype.value_or(DType::F32));
  return stored + slice * (hidden + std::min<std::uint64_t>(kHeadRows, rows)) * sizeof(float);
}

}  // namespace presswork::modelkit
