#include "plugins/modelkit/compute/cpu/memory_pool.h"

#include <cstdlib>
#include <limits>
#include <new>

namespace presswork::modelkit {
namespace {

constexpr std::size_t kAlignment = 64;  // bytes of a cache line and of the widest vector

}  // namespace

void MemoryPool::Free::operator()(float* block) const { std::free(block); }

MemoryPool::Block MemoryPool::take(std::size_t count) {
  if (count > std::numeric_limits<std::size_t>::max() / sizeof(float) - kAlignment) throw std::bad_alloc();
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = kept_.find(count); found != kept_.end()) {
      Block block = std::move(found->second);
      kept_.erase(found);
      return block;
    }
    for (std::size_t dropped = 0; dropped < count && !kept_.empty();) {
      const auto largest = std::prev(kept_.end());
      dropped += largest->first;
      kept_.erase(largest);
    }
  }
  const std::size_t bytes = (count * sizeof(float) + kAlignment) / kAlignment * kAlignment;
  auto* memory = static_cast<float*>(std::aligned_alloc(kAlignment, bytes));
  if (memory == nullptr) throw std::bad_alloc();
  return Block(memory);
}

void MemoryPool::give_back(Block block, std::size_t count) {
  const std::lock_guard lock(mutex_);
  kept_.emplace(count, std::move(block));
}

}  // namespace presswork::modelkit
