// Threads that share the tiles of one operation. The tiles are cut by shape; which thread takes which is left
// to chance, so a tile must not depend on it. Threads that wait look out for some microseconds before they
// sleep: decoding a token takes a hundred operations that are shorter than waking a thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace presswork::modelkit {

class ThreadPool {
 public:
  explicit ThreadPool(unsigned threads);  // the caller of run() is one of them; 0: as the machine has
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  unsigned threads() const { return static_cast<unsigned>(workers_.size()) + 1; }

  // Tells OpenMP, which oneDNN cuts its work by, that this thread works alone. Each tile runs under it.
  static void limit_openmp();

  // Calls tile(i) once for each i in [0, count) and returns when all are done; the first exception is
  // rethrown and ends the rest early. One run() at a time; not from inside a tile.
  void run(std::size_t count, const std::function<void(std::size_t)>& tile);

 private:
  void work();
  void take_tiles();
  void await_round(std::size_t seen);  // returns when round_ is another, or the pool ends
  void await_workers();

  std::vector<std::thread> workers_;
  const std::function<void(std::size_t)>* tile_ = nullptr;
  std::size_t count_ = 0;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> round_{0};    // grows with each run(), so that a worker knows a new one
  std::atomic<std::size_t> working_{0};  // workers that have not finished this round

  // Whoever has spun in vain sleeps here.
  std::mutex mutex_;
  std::condition_variable start_, finished_;
  std::atomic<std::size_t> sleeping_{0};  // workers
  std::atomic<bool> caller_sleeps_{false}, ending_{false};
  std::exception_ptr error_;
};

}  // namespace presswork::modelkit
