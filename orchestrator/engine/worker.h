// One background thread for what would keep the engine from its children: hashing, publishing, removing.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace presswork::engine {

class Worker {
 public:
  using Continuation = std::function<void()>;

  // `wake` is called, on the worker's thread, each time a job has ended.
  explicit Worker(std::function<void()> wake);
  ~Worker();  // lets the job in hand end or stop, drops the others, and does the chores

  // Runs `job` on the worker's thread; what it returns is to be called on the engine's thread. Jobs run in
  // order. What a job throws is thrown again by its continuation.
  void submit(std::function<Continuation()> job);

  // For what nobody waits for: done when there is no job, without a word. Must not throw.
  void tidy(std::function<void()> chore);

  std::vector<Continuation> take_finished();
  bool busy() const;                           // jobs are waiting, running, or not yet taken
  bool stopping() const { return stopping_; }  // a long job looks, and throws

 private:
  void loop();

  std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<Continuation()>> jobs_;
  std::deque<std::function<void()>> chores_;
  std::vector<Continuation> finished_;
  bool working_ = false;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace presswork::engine
