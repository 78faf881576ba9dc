// Orthogonal matrices that spread a vector's outliers over all of its values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace presswork::modelkit {

// A matrix of signs whose rows are orthogonal, H H^T = order * I, [order, order] of +1 and -1. By Paley's
// constructions (Paley 1933, "On orthogonal matrices") over prime fields: orders p + 1 for primes p = 3 mod
// 4, and 2 (p + 1) for primes p = 1 mod 4; and the orders 1 and 2. None where these know none.
std::optional<std::vector<std::int8_t>> paley_hadamard(std::size_t order);

// x -> x Q for rows x of `size` values. Where a Hadamard matrix H of that order is known (Paley's times
// Sylvester's doubling, so 12 * 2^k, 20 * 2^k, 28 * 2^k, ...), Q = D H / sqrt(size) with a diagonal D of
// random signs, as in QuaRot (Ashkboos et al. 2024, section 3); else a random orthogonal matrix, the Q of a
// Gaussian matrix's QR decomposition. float64.
class Rotation {
 public:
  Rotation(std::size_t size, std::uint64_t seed);

  std::size_t size() const { return size_; }
  bool hadamard() const { return dense_.empty(); }
  static bool known(std::size_t size);  // whether it will be a Hadamard matrix

  // rows [count, size], in place; on the calling thread.
  void apply(double* rows, std::size_t count) const;

 private:
  void apply_hadamard(double* row, std::vector<double>& column) const;

  std::size_t size_, doubled_ = 1;  // size = order of paley_ * doubled_, a power of two
  std::vector<double> signs_;
  std::vector<std::int8_t> paley_;
  std::vector<double> dense_;  // [size, size]
};

}  // namespace presswork::modelkit
