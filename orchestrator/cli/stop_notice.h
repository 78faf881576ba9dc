// Says that a request to stop was heard: what runs may take a while to end.
#pragma once

#include <spdlog/spdlog.h>

#include "orchestrator/engine/event.h"
#include "orchestrator/engine/run.h"

namespace presswork::cli {

class StopNotice : public engine::Observer {
 public:
  explicit StopNotice(const engine::StopRequest& stop) : stop_(stop) {}
  void on_event(const engine::Event&) override {}
  void on_tick() override {
    if (said_ || stop_ == 0) return;
    said_ = true;
    spdlog::warn("stopping: what runs is asked to end; a second Ctrl-C or signal kills it");
  }

 private:
  const engine::StopRequest& stop_;
  bool said_ = false;
};

}  // namespace presswork::cli
