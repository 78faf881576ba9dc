#include "plugins/modelkit/quantize/hadamard.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "plugins/modelkit/compute/cpu/dgemm.h"
#include "plugins/modelkit/data/random.h"

namespace presswork::modelkit {
namespace {

bool is_prime(std::size_t p) {
  for (std::size_t d = 2; d * d <= p; ++d) {
    if (p % d == 0) return false;
  }
  return p >= 2;
}

// [p + 1, p + 1]: the Legendre symbols of column - row, behind a first row of ones and a first column of
// `corner`; zeros on the diagonal. Skew for p = 3 mod 4 (corner -1), symmetric for p = 1 mod 4 (corner 1).
std::vector<std::int8_t> bordered_residues(std::size_t p, std::int8_t corner) {
  std::vector<std::int8_t> legendre(p, -1);
  legendre[0] = 0;
  for (std::size_t x = 1; x < p; ++x) legendre[x * x % p] = 1;
  const std::size_t order = p + 1;
  std::vector<std::int8_t> s(order * order, 0);
  for (std::size_t i = 0; i < p; ++i) {
    s[i + 1] = 1;
    s[(i + 1) * order] = corner;
    for (std::size_t j = 0; j < p; ++j) s[(i + 1) * order + j + 1] = legendre[(j + p - i) % p];
  }
  return s;
}

// The Q of the QR decomposition of a Gaussian matrix, by rows. Each is made orthogonal to those before it
// twice, which is as good as Householder's way (Giraud et al. 2005).
std::vector<double> random_orthogonal(std::size_t size, Random& random) {
  std::vector<double> q(size * size);
  for (double& value : q) {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - random.uniform()));
    value = radius * std::cos(2.0 * std::numbers::pi * random.uniform());
  }
  const auto product = [&](const double* a, const double* b) {
    double sum = 0;
    for (std::size_t i = 0; i < size; ++i) sum += a[i] * b[i];
    return sum;
  };
  for (std::size_t r = 0; r < size; ++r) {
    double* row = q.data() + r * size;
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t before = 0; before < r; ++before) {
        const double* other = q.data() + before * size;
        add_scaled(row, other, size, -product(row, other));
      }
    }
    const double norm = std::sqrt(product(row, row));
    for (std::size_t i = 0; i < size; ++i) row[i] /= norm;
  }
  return q;
}

bool first_construction(std::size_t order) { return order % 4 == 0 && is_prime(order - 1); }
bool second_construction(std::size_t order) {
  return order % 4 == 0 && order % 8 != 0 && is_prime(order / 2 - 1);
}

// The largest power of two by which Paley's constructions still reach `size`; 0: none does.
std::size_t doublings(std::size_t size) {
  std::size_t power = 1;
  while (size % (2 * power) == 0) power *= 2;
  for (; power >= 1; power /= 2) {
    const std::size_t order = size / power;
    if (order <= 2 || first_construction(order) || second_construction(order)) return power;
  }
  return 0;
}

}  // namespace

std::optional<std::vector<std::int8_t>> paley_hadamard(std::size_t order) {
  if (order == 1) return std::vector<std::int8_t>{1};
  if (order == 2) return std::vector<std::int8_t>{1, 1, 1, -1};
  if (first_construction(order)) {
    auto h = bordered_residues(order - 1, -1);
    for (std::size_t i = 0; i < order; ++i) h[i * order + i] = 1;
    return h;
  }
  if (!second_construction(order)) return std::nullopt;
  // Each entry of the symmetric matrix becomes a block: ±1 that of Hadamard, 0 (the diagonal) another one.
  const std::size_t half = order / 2;
  const auto s = bordered_residues(half - 1, 1);
  std::vector<std::int8_t> h(order * order);
  for (std::size_t i = 0; i < half; ++i) {
    for (std::size_t j = 0; j < half; ++j) {
      const std::int8_t entry = s[i * half + j];
      std::int8_t* block = h.data() + 2 * i * order + 2 * j;
      block[0] = entry == 0 ? std::int8_t{1} : entry;
      block[1] = block[order] = entry == 0 ? std::int8_t{-1} : entry;
      block[order + 1] = static_cast<std::int8_t>(-block[0]);
    }
  }
  return h;
}

bool Rotation::known(std::size_t size) { return doublings(size) > 0; }

Rotation::Rotation(std::size_t size, std::uint64_t seed) : size_(size), doubled_(doublings(size)) {
  Random random(seed);
  if (doubled_ == 0) {
    dense_ = random_orthogonal(size, random);
    return;
  }
  paley_ = *paley_hadamard(size / doubled_);
  signs_.resize(size);
  const double scale = 1.0 / std::sqrt(static_cast<double>(size));
  for (double& sign : signs_) sign = random.next() >> 63 != 0 ? -scale : scale;
}

void Rotation::apply(double* rows, std::size_t count) const {
  if (hadamard()) {
    std::vector<double> column(size_ / doubled_);
    for (std::size_t r = 0; r < count; ++r) apply_hadamard(rows + r * size_, column);
    return;
  }
  std::vector<double> product(count * size_, 0.0);
  dgemm({.m = count,
         .n = size_,
         .k = size_,
         .a = rows,
         .a_row = size_,
         .b = dense_.data(),
         .b_row = size_,
         .c = product.data(),
         .c_row = size_});
  std::copy(product.begin(), product.end(), rows);
}

// The Kronecker product of Paley's and Sylvester's matrix: the fast Walsh-Hadamard transform of each run of
// `doubled_` values, then Paley's matrix across the runs.
void Rotation::apply_hadamard(double* row, std::vector<double>& column) const {
  for (std::size_t i = 0; i < size_; ++i) row[i] *= signs_[i];
  for (std::size_t half = 1; half < doubled_; half *= 2) {
    for (std::size_t i = 0; i < size_; i += 2 * half) {
      for (std::size_t j = i; j < i + half; ++j) {
        const double a = row[j], b = row[j + half];
        row[j] = a + b;
        row[j + half] = a - b;
      }
    }
  }
  const std::size_t order = column.size();
  for (std::size_t b = 0; order > 1 && b < doubled_; ++b) {
    std::fill(column.begin(), column.end(), 0.0);
    for (std::size_t i = 0; i < order; ++i) {
      for (std::size_t j = 0; j < order; ++j) column[j] += row[i * doubled_ + b] * paley_[i * order + j];
    }
    for (std::size_t j = 0; j < order; ++j) row[j * doubled_ + b] = column[j];
  }
}

}  // namespace presswork::modelkit
