#include "orchestrator/engine/worker.h"

#include <exception>
#include <utility>

namespace presswork::engine {

Worker::Worker(std::function<void()> wake) : wake_(std::move(wake)), thread_([this] { loop(); }) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Worker::submit(std::function<Continuation()> job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_all();
}

void Worker::tidy(std::function<void()> chore) {
  {
    const std::lock_guard lock(mutex_);
    chores_.push_back(std::move(chore));
  }
  changed_.notify_all();
}

std::vector<Worker::Continuation> Worker::take_finished() {
  const std::lock_guard lock(mutex_);
  return std::exchange(finished_, {});
}

bool Worker::busy() const {
  const std::lock_guard lock(mutex_);
  return working_ || !jobs_.empty() || !finished_.empty();
}

void Worker::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty() || !chores_.empty(); });
    if (stopping_ || jobs_.empty()) {
      if (chores_.empty()) return;  // stopping
      const auto chore = std::move(chores_.front());
      chores_.pop_front();
      lock.unlock();
      chore();
      lock.lock();
      continue;
    }
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    working_ = true;
    lock.unlock();
    Continuation continuation;
    try {
      continuation = job();
    } catch (...) {
      continuation = [thrown = std::current_exception()] { std::rethrow_exception(thrown); };
    }
    lock.lock();
    working_ = false;
    finished_.push_back(std::move(continuation));
    wake_();
  }
}

}  // namespace presswork::engine
