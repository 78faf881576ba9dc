#include "plugins/modelkit/model/transformer.h"

#include <algorithm>
#include <bit>
#include <string>

#include "presswork/error.h"

namespace presswork::modelkit {

Transformer::Transformer(Compute& compute, const ModelSource& source)
    : compute_(compute),
      source_(source),
      norm_(compute, source, std::string(architecture_of(source.config()).final_norm), source.config().norm,
            static_cast<std::size_t>(source.config().hidden)) {
  const ModelConfig& m = source.config();
  const std::string first(architecture_of(m).embedding_norm);
  if (!first.empty())
    embedding_norm_ = Norm(compute, source, first, m.norm, static_cast<std::size_t>(m.hidden));
  make_rope(1);  // throws now rather than after the first layer
}

void Transformer::make_rope(std::size_t tokens) {
  const ModelConfig& m = config();
  const bool turns =
      rope_depends_on_length(m.rope) || (m.local_rope && rope_depends_on_length(*m.local_rope));
  if (tokens <= positions_ && (!turns || tokens == length_)) return;
  positions_ = std::bit_ceil(tokens);
  length_ = tokens;
  rope_ = make_rope_table(compute_, m, positions_, static_cast<std::int64_t>(tokens));
}

HostTable Transformer::table(const std::string& tensor) const {
  const TensorView& view = source_.checkpoint().tensor(tensor);
  if (view.shape.size() != 2 || view.shape[1] != config().hidden || !is_floating(view.dtype)) {
    throw Error("corrupt_file",
                "the tensor is " + std::string(name_of(view.dtype)) + " " + to_text(view.shape) +
                    "; a table of rows of " + std::to_string(config().hidden) + " numbers is expected",
                tensor, "check that config.json belongs to these weights");
  }
  return {view.dtype, view.bytes.data(), static_cast<std::size_t>(view.shape[0]),
          static_cast<std::size_t>(view.shape[1])};
}

Matrix Transformer::embed(std::span<const std::int32_t> ids, std::size_t tokens, std::size_t first) {
  const Matrix states = compute_.allocate(ids.size(), static_cast<std::size_t>(config().hidden));
  embed(states, ids, tokens, first);
  return states;
}

void Transformer::embed(const Matrix& states, std::span<const std::int32_t> ids, std::size_t tokens,
                        std::size_t first) {
  make_rope(tokens);
  const std::string module = source_.embedding();
  compute_.gather(states, table(module + ".weight"), ids);
  source_.checkpoint().release(module);
  if (config().embedding_scale != 1.0) compute_.scale(states, static_cast<float>(config().embedding_scale));
  if (!architecture_of(config()).positions.empty()) add_positions(states, tokens, first);
  if (embedding_norm_) embedding_norm_.apply(compute_, states, states);
  if (!compute_.all_finite(states)) {
    throw Error("not_finite", "the embedding holds NaN or infinity", module + ".weight",
                "write or download the model again");
  }
}

void Transformer::add_positions(const Matrix& states, std::size_t tokens, std::size_t first) {
  const Architecture& architecture = architecture_of(config());
  const HostTable positions = table(std::string(architecture.positions) + ".weight");
  std::vector<std::int32_t> rows(states.rows);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    rows[r] = static_cast<std::int32_t>(first + r % tokens) +
              static_cast<std::int32_t>(architecture.first_position);
  }
  if (first + std::min(tokens, states.rows) > static_cast<std::size_t>(config().max_position)) {
    throw Error("invalid_input",
                "sequences of " + std::to_string(tokens) + " tokens are longer than the " +
                    std::to_string(config().max_position) + " positions that the model knows",
                "window", "use shorter windows");
  }
  const Matrix added = compute_.allocate(states.rows, states.cols);
  compute_.gather(added, positions, rows);
  compute_.add(states, added);
}

DecoderLayer Transformer::layer(std::int64_t index) const {
  DecoderLayer loaded(compute_, source_, index);
  if (index + 1 < layers()) prefetcher_.start(source_.checkpoint(), layer_prefix(config(), index + 1));
  return loaded;
}

void Transformer::final_norm(const Matrix& states) const {
  norm_.apply(compute_, states, states);
  if (!compute_.all_finite(states)) {
    throw Error("not_finite", "the final norm's output holds NaN or infinity",
                std::string(architecture_of(config()).final_norm), "write or download the model again");
  }
}

Matrix Transformer::logits(const Matrix& states) {
  const LinearSite site = head_linear(config());
  const Matrix out = compute_.allocate(states.rows, static_cast<std::size_t>(site.out));
  compute_.linear(out, states, *source_.packed(compute_, site));
  finish_logits(out);
  return out;
}

LinearWeight Transformer::head() const { return source_.linear(head_linear(config()).module); }

std::shared_ptr<const PackedLinear> Transformer::head_part(const LinearWeight& head, std::size_t first,
                                                           std::size_t count) const {
  return source_.packed(compute_, head_linear(config()), head,
                        {{static_cast<std::int64_t>(first), static_cast<std::int64_t>(count)}});
}

void Transformer::logits(const Matrix& out, const Matrix& states, const PackedLinear& part) const {
  compute_.linear(out, states, part);
  finish_logits(out);
}

void Transformer::release_head() const { source_.checkpoint().release(head_linear(config()).module); }

void Transformer::finish_logits(const Matrix& logits) const {
  const ModelConfig& m = config();
  if (m.logit_scale != 1.0) compute_.scale(logits, static_cast<float>(m.logit_scale));
  if (m.logit_softcap > 0.0) compute_.softcap(logits, static_cast<float>(m.logit_softcap));
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
