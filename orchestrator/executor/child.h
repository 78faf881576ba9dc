// One running host process.
#pragma once

#include <sys/types.h>

#include <optional>

#include "orchestrator/executor/control_group.h"
#include "orchestrator/executor/event_stream.h"
#include "orchestrator/executor/executor.h"
#include "orchestrator/executor/spawn.h"
#include "orchestrator/executor/stray.h"
#include "orchestrator/executor/verdict.h"

namespace presswork::executor {

class Child {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `group`: what the host was put into, if it was.
  Child(StageRequest request, SpawnedHost host, std::optional<ControlGroup> group, Time now);

  pid_t pid() const { return host_.pid; }
  int process() const { return host_.process.get(); }  // readable when the host has ended
  int socket() const { return open_ ? host_.socket.get() : -1; }
  bool wants_to_write() const { return open_ && !outgoing_.empty(); }
  // The next time at which advance() has something to do.
  std::optional<Time> next_deadline() const;

  void write_some();
  // Reads one turn's worth. True when there may be more.
  bool read_some(Batch& batch, Time now);

  void cancel(Time now);  // asks the stage to stop, and sets the time when it is made to
  void kill();
  void advance(Time now);  // acts on timeouts that have passed

  // The process has ended: hears what it said last, ends what it left behind, and judges. `memory_kills` is
  // the kernel's count of kills for memory as last seen.
  Outcome finish(Batch& batch, Time now, std::uint64_t& memory_kills, const Neighbours& neighbours);

 private:
  void stop(Time now);
  void kill_group();

  StageRequest request_;
  SpawnedHost host_;
  std::optional<ControlGroup> group_;
  EventStream stream_;
  std::string outgoing_;
  bool open_ = true;  // the socket is worth reading
  bool stopping_ = false;
  Evidence evidence_;
  Time started_;
  std::optional<Time> timeout_at_, kill_at_;
};

// How often the kernel has killed for memory since it started; 0 when it does not tell.
std::uint64_t kernel_memory_kills();

}  // namespace presswork::executor
