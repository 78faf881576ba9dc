// Aligned float storage that is kept when freed: a pass over a model asks for the same sizes again and again,
// and fresh pages from the kernel cost more than the arithmetic on them.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "plugins/modelkit/compute/matrix.h"

namespace presswork::modelkit {

class MemoryPool {
 public:
  struct Free {
    void operator()(float* block) const;
  };
  using Block = std::unique_ptr<float[], Free>;

  // `count` floats, aligned to a cache line, contents undefined. Of the blocks that were given back one of
  // exactly this size is used; otherwise others are dropped first, so that keeping never adds to a growing
  // need.
  Block take(std::size_t count);
  void give_back(Block block, std::size_t count);

 private:
  std::mutex mutex_;
  std::multimap<std::size_t, Block> kept_;
};

class CpuStorage final : public Storage {
 public:
  CpuStorage(std::shared_ptr<MemoryPool> pool, std::size_t count)
      : pool_(std::move(pool)), block_(pool_->take(count)), count_(count) {}
  ~CpuStorage() override { pool_->give_back(std::move(block_), count_); }
  CpuStorage(const CpuStorage&) = delete;
  CpuStorage& operator=(const CpuStorage&) = delete;

  float* data() const { return block_.get(); }
  std::size_t count() const { return count_; }

 private:
  std::shared_ptr<MemoryPool> pool_;
  MemoryPool::Block block_;
  std::size_t count_;
};

// Row r of a matrix that lies in this memory.
inline float* cpu_row(const Matrix& m, std::size_t r) {
  return static_cast<CpuStorage*>(m.storage.get())->data() + m.offset + r * m.stride;
}

}  // namespace presswork::modelkit
