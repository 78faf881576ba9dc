// Stand-ins for what a run touches outside the engine: a clock that only moves when told, an executor whose
// stages do what their parameters say, and a catalogue of such stages.
#pragma once

#include <algorithm>
#include <deque>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "orchestrator/base/clock.h"
#include "orchestrator/executor/executor.h"
#include "orchestrator/plugins/catalogue.h"

namespace presswork::testing {

class FakeClock : public base::Clock {
 public:
  std::chrono::system_clock::time_point now() const override { return time_; }
  std::chrono::steady_clock::time_point monotonic() const override { return moment_; }
  void advance(std::chrono::milliseconds by) {
    time_ += by;
    moment_ += by;
  }

 private:
  std::chrono::system_clock::time_point time_{std::chrono::seconds(1'790'000'000)};
  std::chrono::steady_clock::time_point moment_{std::chrono::hours(1)};
};

// Runs stages at once and in order: `test/work` writes its parameter `text` to its output `out`, followed by
// the contents of its inputs, and reports `value` as a metric. Asked, it expects to need `expects` bytes.
// `fails` is an Ending for its first `times` attempts, unless all is mended.
class FakeExecutor : public executor::Executor {
 public:
  explicit FakeExecutor(FakeClock& clock) : clock_(clock) {}

  void start(executor::StageRequest request) override {
    started.push_back(request);
    executor::HostEvent event;
    event.token = request.token;
    event.pid = 100;
    news_.push_back(event);
    waiting_.push_back(std::move(request));
    most_at_once = std::max(most_at_once, waiting_.size());
    if (on_start) on_start(started.back());
  }

  executor::Batch poll(std::chrono::milliseconds timeout) override {
    executor::Batch batch;
    if (!news_.empty()) {
      batch.push_back(std::move(news_.front()));
      news_.pop_front();
      return batch;
    }
    if (!waiting_.empty() && !hold) {
      executor::StageRequest request = std::move(waiting_.front());
      waiting_.pop_front();
      batch.emplace_back(work(request));
      if (on_outcome) on_outcome(request);
      return batch;
    }
    if (timeout.count() > 0) clock_.advance(timeout);
    return batch;
  }

  void cancel(std::uint64_t token) override { end(token, executor::Ending::cancelled); }
  void kill(std::uint64_t token) override { end(token, executor::Ending::crashed); }
  void wake() override {}
  std::size_t running() const override { return waiting_.size(); }

  std::vector<executor::StageRequest> started;
  std::size_t most_at_once = 0;
  bool hold = false;
  bool mended = false;  // nothing fails any more
  std::string chance;   // what stages write besides, whatever their parameters say
  std::function<void(const executor::StageRequest&)> on_outcome;
  std::function<void(const executor::StageRequest&)> on_start;

 private:
  executor::Outcome work(const executor::StageRequest& request) {
    executor::Outcome outcome;
    outcome.token = request.token;
    outcome.seconds = 1.5;
    if (request.verb == executor::Verb::plan) {
      outcome.ending = executor::Ending::succeeded;
      outcome.document = {{"memory_bytes", request.parameters.value("expects", 0.0)}};
      return outcome;
    }
    const std::string fails = request.parameters.value("fails", "");
    if (!fails.empty() && !mended &&
        attempts_[request.parameters.dump()]++ < request.parameters.value("times", 1)) {
      for (auto ending : {executor::Ending::failed, executor::Ending::crashed, executor::Ending::timed_out,
                          executor::Ending::out_of_memory, executor::Ending::infrastructure}) {
        if (fails == executor::to_string(ending)) outcome.ending = ending;
      }
      outcome.code = "told_to";
      outcome.message = "as its parameters say";
      return outcome;
    }
    outcome.ending = executor::Ending::succeeded;
    outcome.exit_status = 0;
    if (request.parameters.contains("value")) outcome.metrics["value"] = request.parameters["value"];
    if (!request.parameters.value("silent", false)) {
      std::ofstream out(request.work_dir / "out.txt");
      out << request.parameters.value("text", "") << chance;
      for (const auto& [name, input] : request.inputs) out << std::ifstream(input.path).rdbuf();
      outcome.outputs.push_back({"out", request.work_dir / "out.txt", false});
    }
    return outcome;
  }

  void end(std::uint64_t token, executor::Ending ending) {
    for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
      if (it->token != token) continue;
      waiting_.erase(it);
      executor::Outcome outcome;
      outcome.token = token;
      outcome.ending = ending;
      outcome.code = executor::to_string(ending);
      news_.push_back(outcome);
      return;
    }
  }

  FakeClock& clock_;
  std::deque<executor::Batch::value_type> news_;
  std::deque<executor::StageRequest> waiting_;
  std::map<std::string, int> attempts_;
};

}  // namespace presswork::testing
