// The seam between the models and the hardware. Everything numeric in a forward pass is one of these
// operations, on storage that only the implementation understands; a new device is a new implementation and
// changes nothing above. tests/unit/modelkit_compute/conformance_test.cc holds it to plain loops in float64.
//
// Letters in shapes:
//   B sequences      T tokens of a sequence   R rows, a token each: R = B*T, sequence after sequence
//   C model width    V vocabulary             N outputs of a linear, K its inputs
//   H query heads    G key/value heads (H is a multiple of G)         D width of a head
//
// All operations are float32 and row-major. An operation may return before it is done; read() and
// all_finite() wait. Results depend on shapes and values only, never on the number of threads. Arguments
// whose shapes disagree throw Error "internal".
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "plugins/modelkit/compute/activation.h"
#include "plugins/modelkit/compute/int8_inputs.h"
#include "plugins/modelkit/compute/matrix.h"
#include "plugins/modelkit/formats/dtype.h"

namespace presswork::modelkit {

// A weight [out, in] as integers on a grid: (q - zero) * scale, with a scale (and zero) for each row and
// group of inputs; what `zeros` is null for is symmetric.
struct GroupedIntegers {
  int bits = 8;                // q in [-2^(bits-1), 2^(bits-1) - 1]
  std::size_t group_size = 0;  // 0: the whole row
  const std::int8_t* q = nullptr;
  const float* scales = nullptr;
  const std::int8_t* zeros = nullptr;
};

// Where the weight of a linear comes from: [out, in] in host memory, in whatever form.
struct LinearSource {
  std::size_t out = 0;
  std::size_t in = 0;
  // Writes rows [first, last) as float32, row-major. Called from several threads at once.
  std::function<void(std::size_t first, std::size_t last, float* target)> rows;
  std::span<const float> bias;  // [out], or empty
  // The same values as `rows` gives, where they are stored so.
  std::optional<GroupedIntegers> integers = {};
  // How inputs are quantized before they are multiplied; without: they are not.
  std::optional<Int8Inputs> inputs = {};
};

// A table [rows, cols] in host memory, for instance a mapped embedding.
struct HostTable {
  DType dtype = DType::F32;
  const std::byte* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
};

struct AttentionShape {
  std::size_t sequences = 1;          // B
  std::size_t queries = 0;            // T of q; query i stands at position keys - queries + i
  std::size_t keys = 0;               // T of k and v; more than `queries` when earlier ones are cached
  std::size_t heads = 0;              // H
  std::size_t kv_heads = 0;           // G; query head h reads key/value head h / (H / G)
  std::size_t head_dim = 0;           // D
  float scale = 1.0F;                 // of the scores
  std::size_t sliding_window = 0;     // keys that a query sees, itself included; 0: all before it
  float softcap = 0.0F;               // scores become softcap * tanh(score / softcap); 0: they stay
  std::span<const float> sinks = {};  // [H]: a score for attending to nothing, in each softmax; or empty
};

// log(sum(exp(row))) of rows that arrive in column slices, and each row's target logit.
struct LogSumExp {
  std::vector<float> largest;
  std::vector<double> sum;  // of exp(value - largest)
  std::vector<float> target;

  explicit LogSumExp(std::size_t rows);
  std::size_t rows() const { return largest.size(); }
  // -log softmax at the target, float64.
  double negative_log_likelihood(std::size_t row) const;
};

// Two models' logits of the same rows, arriving in column slices: their log-sum-exps, the most likely entry
// of each, and the Kullback-Leibler divergence, all without a whole row being there at once.
struct Divergence {
  LogSumExp baseline, model;
  std::vector<double> cross;  // sum of exp(b - largest b) * (b - m) over the entries so far
  std::vector<std::int32_t> baseline_top, model_top;  // first entry with the largest logit

  explicit Divergence(std::size_t rows);
  std::size_t rows() const { return cross.size(); }
  // KL(baseline || model) = sum of p_b * (log p_b - log p_m), in nats, float64.
  double kullback_leibler(std::size_t row) const;
};

class Compute {
 public:
  virtual ~Compute() = default;

  virtual std::string_view device() const = 0;  // "cpu"
  virtual unsigned threads() const = 0;

  virtual Matrix allocate(std::size_t rows, std::size_t cols) = 0;  // contents undefined
  virtual void write(const Matrix& to, std::span<const float> from) = 0;
  virtual void read(const Matrix& from, std::span<float> to) = 0;
  virtual std::shared_ptr<const PackedLinear> pack(const LinearSource& source) = 0;

  // out [R, C] = rows `ids` [R] of table [V, C]. Throws "invalid_input" for an id outside the table.
  virtual void gather(const Matrix& out, const HostTable& table, std::span<const std::int32_t> ids) = 0;

  // out [R, N] = x [R, K] * weight[N, K]^T + bias[N]; with `accumulate` added to what `out` holds.
  virtual void linear(const Matrix& out, const Matrix& x, const PackedLinear& weight,
                      bool accumulate = false) = 0;

  // out [R, C] = x / sqrt(mean(x^2) + epsilon) * weight [1, C], each row alone. Zhang & Sennrich 2019, eq. 4.
  virtual void rms_norm(const Matrix& out, const Matrix& x, const Matrix& weight, float epsilon) = 0;

  // out [R, C] = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight [1, C] + bias [1, C], each row alone; a
  // bias without storage adds nothing. Ba et al. 2016, eq. 4.
  virtual void layer_norm(const Matrix& out, const Matrix& x, const Matrix& weight, const Matrix& bias,
                          float epsilon) = 0;

  // Rotates x [R, heads*D] in place; each head's first 2*cos.cols values are pairs (i, i + cos.cols), the
  // rest stays. cos, sin [positions, D/2]; row r stands at position first + r % tokens. Su et al. 2021,
  // section 3.4, in the half-split order of Hugging Face checkpoints.
  virtual void rope(const Matrix& x, const Matrix& cos, const Matrix& sin, std::size_t head_dim,
                    std::size_t tokens, std::size_t first) = 0;

  // The same with pairs (2i, 2i + 1), the order of GPT-J, GLM and Cohere checkpoints.
  virtual void rope_interleaved(const Matrix& x, const Matrix& cos, const Matrix& sin, std::size_t head_dim,
                                std::size_t tokens, std::size_t first) = 0;

  // out [B*queries, H*D] = softmax(scale * q k^T, causal) v with q like out, k and v [B*keys, G*D]. Never
  // holds more scores than a tile. Dao et al. 2022 (FlashAttention), algorithm 1.
  virtual void attention(const Matrix& out, const Matrix& q, const Matrix& k, const Matrix& v,
                         const AttentionShape& shape) = 0;

  // x [R, N] = f(x), and gate [R, N] = f(gate) * up.
  virtual void activate(const Matrix& x, Activation f) = 0;
  virtual void activate_multiply(const Matrix& gate, const Matrix& up, Activation f) = 0;

  // x += y, same shape.
  virtual void add(const Matrix& x, const Matrix& y) = 0;

  // x = factor * x, and 0 for the factor 0 whatever x held;  x = cap * tanh(x / cap);  x = min(max(x,
  // -limit), limit).
  virtual void scale(const Matrix& x, float factor) = 0;
  virtual void softcap(const Matrix& x, float cap) = 0;
  virtual void clamp(const Matrix& x, float limit) = 0;

  // out [n, C] = rows `rows` [n] of x [R, C];  rows `rows` of x += factors[i] * y[i], y [n, C]. No row twice.
  virtual void take_rows(const Matrix& out, const Matrix& x, std::span<const std::size_t> rows) = 0;
  virtual void add_rows(const Matrix& x, const Matrix& y, std::span<const std::size_t> rows,
                        std::span<const float> factors) = 0;

  // Takes logits [R, n] of the vocabulary's entries [first, first + n) into `state`; targets [R] are ids.
  virtual void log_sum_exp(LogSumExp& state, const Matrix& logits, std::size_t first,
                           std::span<const std::int32_t> targets) = 0;

  // The same for two models' logits [R, n] of the same entries.
  virtual void divergence(Divergence& state, const Matrix& baseline, const Matrix& model, std::size_t first,
                          std::span<const std::int32_t> targets) = 0;

  virtual bool all_finite(const Matrix& x) = 0;
};

// The values of a matrix, row after row.
inline std::vector<float> read(Compute& compute, const Matrix& matrix) {
  std::vector<float> values(matrix.rows * matrix.cols);
  compute.read(matrix, values);
  return values;
}

// How a device holds the weights of linears. Float32 is the reference: all others are faster and less exact.
enum class WeightForm {
  Float32,
  Bf16,          // weights rounded to bfloat16, arithmetic in float32
  Bf16Products,  // the same; of many rows at once the activations are rounded too, where that is faster
  Int8,   // weights in blocks of 32 as llama.cpp's Q8_0, activations quantized to 8 bits in blocks of 32
  Int4,   // weights as its Q4_0, activations as above
  Stored  // integers of at most 8 bits as they are stored (activations as above), everything else as Bf16
};

// The CPU implementation. `threads` 0: as many as the machine has.
std::unique_ptr<Compute> make_cpu_compute(unsigned threads, WeightForm weights = WeightForm::Float32);

}  // namespace presswork::modelkit
