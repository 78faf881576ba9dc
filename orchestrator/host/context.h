// What the host offers to a stage: the functions behind pw_context, thread-safe.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/host/channel.h"
#include "orchestrator/host/failure.h"
#include "orchestrator/host/request.h"
#include "sdk/include/presswork/stage_abi.h"

namespace presswork::host {

class Context {
 public:
  // `request` and `channel` outlive the context.
  Context(const Request& request, Channel& channel);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const pw_context* abi() const { return &abi_; }

  // What the stage said through fail().
  std::optional<Failure> failure() const;
  // The first misuse of a context function; it makes a run that says PW_OK a failure all the same.
  std::optional<Failure> misuse() const;
  Json outputs() const;  // [{"name", "path", "reference"}] as declared

 private:
  struct Functions;  // the C functions
  void note_misuse(std::string code, std::string message, std::string where, std::string hint);

  const Request& request_;
  Channel& channel_;
  std::string parameters_text_, inputs_text_, run_facts_text_;
  pw_context abi_{};
  pw_run_facts_v1 run_facts_{};

  mutable std::mutex mutex_;
  std::optional<Failure> failure_, misuse_;
  Json outputs_ = Json::array();
  std::set<std::string> metric_names_;
  std::chrono::steady_clock::time_point last_progress_{};
  bool last_progress_complete_ = false;
};

}  // namespace presswork::host
