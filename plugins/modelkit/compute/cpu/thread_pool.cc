#include "plugins/modelkit/compute/cpu/thread_pool.h"

#include <algorithm>

// libgomp, the runtime of oneDNN. The count is a setting of the calling thread only.
extern "C" void omp_set_num_threads(int);

namespace presswork::modelkit {

ThreadPool::ThreadPool(unsigned threads) {
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  start_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::limit_openmp() { omp_set_num_threads(1); }

void ThreadPool::run(std::size_t count, const std::function<void(std::size_t)>& tile) {
  limit_openmp();
  if (count <= 1 || workers_.empty()) {
    for (std::size_t i = 0; i < count; ++i) tile(i);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    tile_ = &tile;
    count_ = count;
    next_ = 0;
    working_ = workers_.size();
    error_ = nullptr;
    ++round_;
  }
  start_.notify_all();
  take_tiles();
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [this] { return working_ == 0; });
  if (error_) std::rethrow_exception(error_);
}

void ThreadPool::work() {
  limit_openmp();
  std::size_t seen = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    start_.wait(lock, [&] { return ending_ || round_ != seen; });
    if (ending_) return;
    seen = round_;
    lock.unlock();
    take_tiles();
    lock.lock();
    if (--working_ == 0) finished_.notify_one();
  }
}

void ThreadPool::take_tiles() {
  try {
    for (std::size_t i = next_++; i < count_; i = next_++) (*tile_)(i);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
    next_ = count_;
  }
}

}  // namespace presswork::modelkit
