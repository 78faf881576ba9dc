#include "plugins/modelkit/compute/cpu/gram.h"

#include <algorithm>
#include <cmath>

#include "plugins/modelkit/compute/cpu/dgemm.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kRows = 512, kTile = 96;

}  // namespace

void Gram::add(const float* x, std::size_t rows, ThreadPool& threads) {
  const std::size_t tiles = (size_ + kTile - 1) / kTile;
  for (std::size_t first = 0; first < rows; first += kRows) {
    const std::size_t count = std::min(kRows, rows - first);
    block_.assign(x + first * size_, x + (first + count) * size_);
    threads.run(tiles * tiles, [&](std::size_t tile) {
      const std::size_t i = tile / tiles * kTile, j = tile % tiles * kTile;
      if (i < j) return;
      dgemm({.m = std::min(kTile, size_ - i),
             .n = std::min(kTile, size_ - j),
             .k = count,
             .a = block_.data() + i,
             .a_row = 1,
             .a_col = size_,
             .b = block_.data() + j,
             .b_row = size_,
             .b_col = 1,
             .c = values_.data() + i * size_ + j,
             .c_row = size_});
    });
  }
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < size_; ++i) magnitudes_[i] += std::fabs(x[r * size_ + i]);
  }
  rows_ += rows;
}

double Gram::mean_magnitude(std::size_t i) const {
  return rows_ == 0 ? 0.0 : magnitudes_[i] / static_cast<double>(rows_);
}

const double* Gram::symmetric() {
  for (std::size_t i = 0; i < size_; ++i) {
    for (std::size_t j = i + 1; j < size_; ++j) values_[i * size_ + j] = values_[j * size_ + i];
  }
  return values_.data();
}

std::vector<double> Gram::mean_squares() const {
  std::vector<double> squares(size_);
  const auto rows = static_cast<double>(std::max<std::uint64_t>(1, rows_));
  for (std::size_t i = 0; i < size_; ++i) squares[i] = at(i, i) / rows;
  return squares;
}

double Gram::mean_diagonal() const {
  double sum = 0;
  for (std::size_t i = 0; i < size_; ++i) sum += at(i, i);
  return size_ == 0 ? 0.0 : sum / static_cast<double>(size_);
}

}  // namespace presswork::modelkit
