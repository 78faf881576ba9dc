#include "plugins/modelkit/compute/cpu/gram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "plugins/modelkit/compute/cpu/dgemm.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kDepth = 256;  // rows that are packed at a time

}  // namespace

void Gram::add(const float* x, std::size_t rows, ThreadPool& threads) {
  const std::size_t tiles = (size_ + kGramTile - 1) / kGramTile, packed = kGramTile * kDepth;
  left_.resize(tiles * packed);
  right_.resize(tiles * packed);
  const auto columns = [&](std::size_t tile) { return std::min(kGramTile, size_ - tile * kGramTile); };
  for (std::size_t first = 0; first < rows; first += kDepth) {
    const std::size_t depth = std::min(kDepth, rows - first);
    threads.run(tiles, [&](std::size_t tile) {
      const float* from = x + first * size_ + tile * kGramTile;
      pack_gram_tile(from, size_, depth, columns(tile), left_.data() + tile * packed,
                     right_.data() + tile * packed);
      double* magnitudes = magnitudes_.data() + tile * kGramTile;
      for (std::size_t r = 0; r < depth; ++r, from += size_) {
        for (std::size_t i = 0; i < columns(tile); ++i) magnitudes[i] += std::fabs(from[i]);
      }
    });
    // Tiles on the diagonal, which are half the work, come last, so that the threads end together.
    threads.run(tiles * (tiles + 1), [&](std::size_t tile) {
      const bool diagonal = tile >= tiles * tiles;
      const std::size_t i = diagonal ? tile - tiles * tiles : tile / tiles, j = diagonal ? i : tile % tiles;
      if (i < j || (i == j && !diagonal)) return;
      add_gram_tile(left_.data() + i * packed, right_.data() + j * packed, depth,
                    values_.data() + (i * size_ + j) * kGramTile, size_, columns(i), columns(j), i == j);
    });
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

double norm_squared(const std::vector<double>& rows, const double* gram, std::size_t size) {
  std::vector<double> products(rows.size(), 0.0);
  dgemm({.m = rows.size() / size,
         .n = size,
         .k = size,
         .a = rows.data(),
         .a_row = size,
         .b = gram,
         .b_row = size,
         .c = products.data(),
         .c_row = size});
  return std::inner_product(rows.begin(), rows.end(), products.begin(), 0.0);
}

}  // namespace presswork::modelkit
