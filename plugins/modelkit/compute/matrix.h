// Values on a compute device: opaque storage and views into it.
#pragma once

#include <cstddef>
#include <memory>

namespace presswork::modelkit {

// Memory of one device; only the implementation that allocated it knows what is inside.
class Storage {
 public:
  virtual ~Storage() = default;
};

// A view of float32 values [rows, cols], row r starting at element offset + r * stride. Copies share the
// storage.
struct Matrix {
  std::shared_ptr<Storage> storage;
  std::size_t offset = 0;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t stride = 0;

  // Rows [first, first + count), or columns; the caller keeps inside the bounds.
  Matrix row_range(std::size_t first, std::size_t count) const {
    return {storage, offset + first * stride, count, cols, stride};
  }
  Matrix column_range(std::size_t first, std::size_t count) const {
    return {storage, offset + first, rows, count, stride};
  }
};

// The weight (and bias) of a linear module in the layout that the device multiplies fastest.
class PackedLinear {
 public:
  virtual ~PackedLinear() = default;
  virtual std::size_t out() const = 0;
  virtual std::size_t in() const = 0;
  virtual std::size_t bytes() const = 0;  // device memory that it holds
};

}  // namespace presswork::modelkit
