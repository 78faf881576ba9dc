#include "orchestrator/store/hashing.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>

#include "orchestrator/base/error.h"

namespace presswork::store {

namespace {

constexpr std::uint64_t worth_threads = 16 << 20;  // bytes; below, starting threads costs more than it saves
constexpr std::size_t most_threads = 4;            // beyond that the disk is the limit

struct Stopped {};  // thrown through a worker after another one failed

class Crew {
 public:
  Crew(base::FileSystem& file_system, std::vector<HashJob>& jobs, const ByteProgress& progress,
       const std::function<void(const HashJob&)>& then)
      : file_system_(file_system), jobs_(jobs), progress_(progress), then_(then) {}

  void run(std::size_t threads) {
    std::vector<std::thread> others;
    for (std::size_t i = 1; i < threads; ++i) others.emplace_back([this] { work(); });
    work();
    for (std::thread& other : others) other.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void work() {
    try {
      for (std::size_t i = next_++; i < jobs_.size(); i = next_++) hash(jobs_[i]);
    } catch (const Stopped&) {
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      stop_ = true;
    }
  }

  void hash(HashJob& job) {
    std::uint64_t bytes = 0;
    job.sha256 = file_system_.sha256(job.path, [&](std::size_t piece) {
      if (stop_) throw Stopped();
      bytes += piece;
      if (!progress_) return;
      const std::lock_guard lock(mutex_);
      progress_(piece);
    });
    const auto after = file_system_.status(job.path);
    if (!after || bytes != job.before.size || after->size != job.before.size ||
        after->mtime_ns != job.before.mtime_ns || after->inode != job.before.inode) {
      throw base::Error(base::ErrorCode::io, job.path.native() + " changed while it was being read",
                        "run again once nothing writes to it");
    }
    if (then_) then_(job);
  }

  base::FileSystem& file_system_;
  std::vector<HashJob>& jobs_;
  const ByteProgress& progress_;
  const std::function<void(const HashJob&)>& then_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

}  // namespace

void hash_files(base::FileSystem& file_system, std::vector<HashJob>& jobs, const ByteProgress& progress,
                const std::function<void(const HashJob&)>& then) {
  std::uint64_t bytes = 0;
  for (const HashJob& job : jobs) bytes += job.before.size;
  std::size_t threads = 1;
  if (bytes >= worth_threads) {
    threads =
        std::min({jobs.size(), most_threads, std::size_t{std::max(1u, std::thread::hardware_concurrency())}});
  }
  Crew(file_system, jobs, progress, then).run(threads);
}

}  // namespace presswork::store
