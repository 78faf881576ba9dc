// Runs stages of the test plugins through the real local executor.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <deque>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "orchestrator/executor/executor.h"
#include "support/child.h"

namespace presswork::executor {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool is_sanitized = true;
#else
inline constexpr bool is_sanitized = false;
#endif

// The stages' own misbehaviour is what is tested, not a sanitizer's report of it.
inline void leave_misbehaviour_to_the_host() {
  static bool done = false;
  if (std::exchange(done, true)) return;
  for (const char* name : {"ASAN_OPTIONS", "TSAN_OPTIONS"}) {
    const char* given = std::getenv(name);
    const std::string options = std::string(given == nullptr ? "" : given) +
                                ":handle_segv=0:handle_abort=0:allocator_may_return_null=1";
    ::setenv(name, options.c_str(), 1);
  }
}

// Each test runs twice: with hosts that are started, and with hosts that are copies of a fork server.
class ExecutorTest : public ::testing::TestWithParam<WarmHosts> {
 protected:
  ExecutorTest() {
    leave_misbehaviour_to_the_host();
    fs::create_directories(root_ / "work");
    fs::create_directories(root_ / "scratch");
    fs::create_directories(root_ / "elsewhere");
  }

  static fs::path host() { return fs::path(PRESSWORK_BINARY_DIR) / "bin" / "presswork-host"; }
  static fs::path plugin(const std::string& name) {
    return fs::path(PRESSWORK_BINARY_DIR) / "tests" / (name + ".so");
  }

  StageRequest request(const std::string& plugin_name, const std::string& stage) {
    StageRequest request;
    request.token = next_token_++;
    request.plugin = plugin(plugin_name);
    request.stage = stage;
    request.nonce = random_id();
    request.attempt = random_id();
    request.output_names = {"text"};
    request.work_dir = root_ / "work";
    request.scratch_dir = root_ / "scratch";
    request.log_path = root_ / "log";
    request.timeout = std::chrono::minutes(1);
    return request;
  }

  StageRequest echo(base::Json parameters) {
    StageRequest result = request("plugins/test-echo", "test/echo");
    result.parameters = {{"value", 1},      {"milliseconds", 0}, {"steps", 1},     {"fail", ""},
                         {"fail_times", 0}, {"file", ""},        {"reference", ""}};
    if (parameters.is_object()) result.parameters.update(parameters);
    return result;
  }

  // Starts it and waits for its end; what came before is in events_.
  Outcome run(StageRequest request) {
    executor_->start(std::move(request));
    return wait();
  }

  // The next outcome; those that came with it wait for the next call.
  Outcome wait() {
    while (outcomes_.empty()) {
      for (auto& news : executor_->poll(std::chrono::milliseconds(-1))) {
        if (auto* outcome = std::get_if<Outcome>(&news)) {
          outcomes_.push_back(std::move(*outcome));
        } else {
          events_.push_back(std::get<HostEvent>(std::move(news)));
        }
      }
    }
    Outcome first = std::move(outcomes_.front());
    outcomes_.pop_front();
    return first;
  }

  void wait_for_event(HostEvent::Kind kind) {
    for (;;) {
      for (auto& news : executor_->poll(std::chrono::milliseconds(-1))) {
        ASSERT_FALSE(std::holds_alternative<Outcome>(news)) << std::get<Outcome>(news).message;
        events_.push_back(std::get<HostEvent>(std::move(news)));
        if (events_.back().kind == kind) return;
      }
    }
  }

  std::string text(const fs::path& file) const {
    std::ostringstream out;
    out << std::ifstream(root_ / file).rdbuf();
    return out.str();
  }

  // Whether the process that wrote its pid to scratch/`name` still lives.
  bool lives(const std::string& name) const {
    const int pid = std::stoi(text("scratch/" + name));
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(stat, line)) return false;
    return line.compare(line.rfind(')') + 2, 1, "Z") != 0;
  }

  testing::TemporaryFolder folder_;
  fs::path root_ = folder_.path();
  std::unique_ptr<Executor> executor_ = make_local_executor(host(), base::system_clock(), GetParam());
  std::vector<HostEvent> events_;
  std::deque<Outcome> outcomes_;
  std::uint64_t next_token_ = 1;
};

inline std::string path_name(const ::testing::TestParamInfo<WarmHosts>& info) {
  return info.param == WarmHosts::never ? "started" : "copied";
}

}  // namespace presswork::executor
