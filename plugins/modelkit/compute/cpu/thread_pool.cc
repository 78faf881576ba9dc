#include "plugins/modelkit/compute/cpu/thread_pool.h"

#include <algorithm>

// libgomp, the runtime of oneDNN. The count is a setting of the calling thread only.
extern "C" void omp_set_num_threads(int);

namespace presswork::modelkit {
namespace {

constexpr int kSpins = 2000;  // some 50 microseconds

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

ThreadPool::ThreadPool(unsigned threads) {
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
}

ThreadPool::~ThreadPool() {
  ending_ = true;
  { const std::lock_guard lock(mutex_); }  // none is between its last look and its sleep
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
  tile_ = &tile;
  count_ = count;
  next_ = 0;
  error_ = nullptr;
  working_ = workers_.size();
  ++round_;
  if (sleeping_ > 0) {
    { const std::lock_guard lock(mutex_); }
    start_.notify_all();
  }
  take_tiles();
  await_workers();
  if (error_) std::rethrow_exception(error_);
}

void ThreadPool::await_workers() {
  for (int i = 0; i < kSpins; ++i) {
    if (working_ == 0) return;
    pause();
  }
  std::unique_lock lock(mutex_);
  caller_sleeps_ = true;
  finished_.wait(lock, [this] { return working_ == 0; });
  caller_sleeps_ = false;
}

void ThreadPool::await_round(std::size_t seen) {
  for (int i = 0; i < kSpins; ++i) {
    if (round_ != seen || ending_) return;
    pause();
  }
  std::unique_lock lock(mutex_);
  ++sleeping_;
  start_.wait(lock, [&] { return round_ != seen || ending_; });
  --sleeping_;
}

void ThreadPool::work() {
  limit_openmp();
  for (std::size_t seen = 0;;) {
    await_round(seen);
    if (ending_) return;
    seen = round_;
    take_tiles();
    if (--working_ > 0 || !caller_sleeps_) continue;
    { const std::lock_guard lock(mutex_); }
    finished_.notify_one();
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
