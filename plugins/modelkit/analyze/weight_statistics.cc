#include "plugins/modelkit/analyze/weight_statistics.h"

#include <algorithm>
#include <cmath>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr std::int64_t kTileRows = 64;

// Sums over a tile of rows; tiles are added up in their order.
struct Tile {
  std::int64_t zeros = 0, dead_rows = 0;
  double minimum = INFINITY, maximum = -INFINITY, sum = 0;
  double second = 0, fourth = 0;  // central moments, in the second pass
  std::vector<double> column_squares;
  std::array<std::int64_t, WeightStatistics::kBins> histogram{};
};

template <class Row>
void each_row(const LinearWeight& weight, ThreadPool& threads, std::vector<Tile>& tiles, Row row) {
  threads.run(tiles.size(), [&](std::size_t index) {
    std::vector<float> values(static_cast<std::size_t>(weight.in));
    const std::int64_t first = static_cast<std::int64_t>(index) * kTileRows;
    for (std::int64_t r = first; r < std::min(first + kTileRows, weight.out); ++r) {
      weight.dequantize(r, r + 1, values.data());
      row(tiles[index], values, r);
    }
  });
}

void first_pass(Tile& tile, const std::vector<float>& values) {
  tile.column_squares.resize(values.size());
  std::int64_t zeros = 0;
  for (std::size_t j = 0; j < values.size(); ++j) {
    const double x = values[j];
    tile.minimum = std::min(tile.minimum, x);
    tile.maximum = std::max(tile.maximum, x);
    tile.sum += x;
    tile.column_squares[j] += x * x;
    zeros += x == 0 ? 1 : 0;
  }
  tile.zeros += zeros;
  tile.dead_rows += zeros == static_cast<std::int64_t>(values.size()) ? 1 : 0;
}

std::size_t bin_of(double x, const WeightStatistics& s) {
  const double width = s.maximum - s.minimum;
  if (width <= 0) return 0;
  const double place = (x - s.minimum) / width * static_cast<double>(WeightStatistics::kBins);
  return std::min(static_cast<std::size_t>(place), WeightStatistics::kBins - 1);
}

void second_pass(Tile& tile, const std::vector<float>& values, const WeightStatistics& s) {
  for (const float value : values) {
    const double square = (value - s.mean) * (value - s.mean);
    tile.second += square;
    tile.fourth += square * square;
    ++tile.histogram[bin_of(value, s)];
  }
}

void sum_up_first(const std::vector<Tile>& tiles, const LinearWeight& weight, WeightStatistics& s) {
  s.count = weight.out * weight.in;
  s.minimum = INFINITY;
  s.maximum = -INFINITY;
  double sum = 0;
  std::vector<double> columns(static_cast<std::size_t>(weight.in), 0.0);
  for (const Tile& tile : tiles) {
    s.zeros += tile.zeros;
    s.dead_rows += tile.dead_rows;
    s.minimum = std::min(s.minimum, tile.minimum);
    s.maximum = std::max(s.maximum, tile.maximum);
    sum += tile.sum;
    for (std::size_t j = 0; j < columns.size(); ++j) columns[j] += tile.column_squares[j];
  }
  s.mean = sum / static_cast<double>(s.count);
  s.dead_columns = std::count(columns.begin(), columns.end(), 0.0);
  for (double& column : columns) column = std::sqrt(column / static_cast<double>(weight.out));
  s.outlier_columns = outliers_of(columns, WeightStatistics::kOutlier);
}

void sum_up_second(const std::vector<Tile>& tiles, WeightStatistics& s) {
  double second = 0, fourth = 0;
  for (const Tile& tile : tiles) {
    second += tile.second;
    fourth += tile.fourth;
    for (std::size_t i = 0; i < s.histogram.size(); ++i) s.histogram[i] += tile.histogram[i];
  }
  const auto count = static_cast<double>(s.count);
  s.deviation = std::sqrt(second / count);
  s.kurtosis = second == 0 ? 0 : fourth / count / (second / count * (second / count));
}

}  // namespace

std::vector<std::int64_t> outliers_of(const std::vector<double>& root_mean_squares, double factor) {
  std::vector<std::int64_t> found;
  if (root_mean_squares.empty()) return found;
  std::vector<double> sorted = root_mean_squares;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  for (std::size_t i = 0; i < root_mean_squares.size(); ++i) {
    if (root_mean_squares[i] > factor * *middle) found.push_back(static_cast<std::int64_t>(i));
  }
  return found;
}

WeightStatistics weight_statistics(const LinearWeight& weight, const std::string& module,
                                   ThreadPool& threads) {
  WeightStatistics s;
  std::vector<Tile> tiles(static_cast<std::size_t>((weight.out + kTileRows - 1) / kTileRows));
  each_row(weight, threads, tiles, [&](Tile& tile, const std::vector<float>& values, std::int64_t row) {
    const std::size_t bad = find_not_finite(DType::F32, values.data(), values.size());
    if (bad != values.size()) {
      throw Error("not_finite",
                  "has NaN or infinity at row " + std::to_string(row) + ", column " + std::to_string(bad),
                  module + ".weight", "use an intact copy of the model");
    }
    first_pass(tile, values);
  });
  sum_up_first(tiles, weight, s);
  each_row(weight, threads, tiles,
           [&](Tile& tile, const std::vector<float>& values, std::int64_t) { second_pass(tile, values, s); });
  sum_up_second(tiles, s);
  return s;
}

}  // namespace presswork::modelkit
