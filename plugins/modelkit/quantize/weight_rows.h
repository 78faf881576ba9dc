// The values of a weight as float32, some rows at a time on all threads: memory holds a tile for each thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/compute/cpu/thread_pool.h"
#include "plugins/modelkit/quantize/grid.h"

namespace presswork::modelkit {

class WeightRows {
 public:
  // All arguments must outlive it.
  WeightRows(const LinearWeight& weight, const std::string& module, ThreadPool& threads)
      : weight_(weight), module_(module), threads_(threads) {}

  std::int64_t out() const { return weight_.out; }
  std::int64_t in() const { return weight_.in; }

  // `round` hears the values [rows, in] of each tile and its first row, and returns the squared error that it
  // made of them. Tiles have `tile_rows` rows but for the last. Independent of the number of threads. Throws
  // "not_finite" naming the module, row and column.
  using Round = std::function<double(std::span<const float> values, std::int64_t first)>;
  QuantizationError each(std::int64_t tile_rows, const Round& round) const;

  ValueRange range() const;

  static constexpr std::int64_t kTileRows = 8;  // of a few thousand values: they stay in a core's cache

 private:
  const LinearWeight& weight_;
  const std::string& module_;
  ThreadPool& threads_;
};

}  // namespace presswork::modelkit
