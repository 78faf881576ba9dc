// What happens in a run, as it happens: for progress, journals and tests; never needed for correctness.
#pragma once

#include <chrono>
#include <span>
#include <string>

#include "orchestrator/base/json.h"

namespace presswork::engine {

// kind             instance   data
// run_started      –          {run, workflow, resumed, stages, kept (of them, by an earlier session)}
// decision_made    decision   {branch, inputs, replayed}
// stage_cached     stage      {uses, key, seconds (of the original work)}
// stage_started    stage      {uses, attempt, pid, key, log, why}
// stage_progress   stage      {done, total, what}
// stage_log        stage      {level, text}
// stage_metric     stage      {name, value}
// stage_publishing stage      {bytes}
// stage_succeeded  stage      {uses, seconds, outputs, metrics, peak_memory_bytes}
// stage_failed     stage      {uses, state, code, message, where, hint, log, attempt,
//                             retry_in_ms?, tolerated?}
// stage_skipped    node       {cause}
// stage_cancelled  stage      {}
// stage_rolling_back stage    {uses, attempt (that failed), pid, log}
// stage_rolled_back stage     {uses, state (of the rollback), message}
// selected         selection  {chosen, among, value}
// loop_iteration   loop       {iteration, max, state}
// loop_decided     loop       {iteration, way (break, continue, fail), inputs}
// loop_ended       loop       {outcome (break, exhausted, failed), iteration (the result), iterations}
// run_ended        –          {state, message, seconds}
struct Event {
  std::chrono::system_clock::time_point time;
  std::string kind;
  std::string instance;
  base::Json data;

  base::Json to_json() const;  // {"time", "kind", "instance"?, …data}
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_event(const Event& event) = 0;  // called from the engine's one thread; must not throw
  // What happened together, in its order.
  virtual void on_events(std::span<const Event> events) {
    for (const Event& event : events) on_event(event);
  }
  virtual void on_tick() {}  // about ten times a second while stages run
};

}  // namespace presswork::engine
