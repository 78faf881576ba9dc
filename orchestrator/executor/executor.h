// Where a stage runs, as the engine sees it. The engine starts requests and polls for what happened; tests
// replace this by a fake. One thread uses an executor; only wake() may be called from anywhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "orchestrator/base/clock.h"
#include "orchestrator/base/json.h"

namespace presswork::executor {

namespace fs = std::filesystem;

// describe: the descriptions of all stages of a plugin. The others concern one stage.
enum class Verb { describe, plan, run, rollback };

struct InputFile {
  std::string path;      // absolute; a file or a folder
  std::string type;      // artifact type: "model", "text", …
  std::string digest;    // of the content
  std::string instance;  // who made it, "" when it came from outside
  std::string output;    // as which output
};

struct StageRequest {
  std::uint64_t token = 0;  // chosen by the caller, unique among what runs
  Verb verb = Verb::run;
  fs::path plugin;    // absolute path of the shared library
  std::string stage;  // "quantize/rtn"; "" for describe
  // Known to this process and the host only: proves that an event comes from the host.
  std::string nonce;
  // Names the attempt to the rest of the machine: PRESSWORK_ATTEMPT in the environment of the host and of
  // everything that it starts. Not secret. Give each attempt its own; see reap_strays().
  std::string attempt;
  base::Json parameters = base::Json::object();  // resolved and valid
  std::map<std::string, InputFile> inputs;
  // For run: the stage's outputs by name; declaring any other is a failure.
  std::vector<std::string> output_names;
  fs::path work_dir;     // absolute, existing
  fs::path scratch_dir;  // absolute; the host makes it when the stage asks for it
  fs::path log_path;     // stdout and stderr of the host are appended to it; "" = /dev/null
  std::uint64_t seed = 0;
  unsigned threads = 1;
  std::uint64_t memory = 0;     // bytes that it may plan with; 0 = no limit stated
  bool enforce_memory = false;  // hold each of its processes to `memory`; see Executor::enforce_memory()
  base::Json run_facts;         // null unless the stage says reads_run
  std::chrono::milliseconds timeout{0};     // 0 = none; at the end like cancel()
  std::chrono::milliseconds grace{10'000};  // between SIGTERM and SIGKILL
};

// News of a running stage; progress and logs are never needed for correctness.
struct HostEvent {
  enum class Kind { started, log, progress, metric };
  std::uint64_t token = 0;
  Kind kind = Kind::started;
  int pid = 0;                 // started: the host's process and group
  std::string level;           // log: "debug", "info", "warning", "error"
  std::string text;            // log
  double done = 0, total = 0;  // progress; total 0 = unknown
  std::string what;            // progress: the unit
  std::string name;            // metric
  base::Json value;            // metric
};

enum class Ending {
  succeeded,
  failed,   // the stage or its plugin is at fault; `code` says how
  crashed,  // a signal, or an exit without the done record
  timed_out,
  cancelled,
  out_of_memory,
  infrastructure,  // the host could not be started or spoken to
};
std::string_view to_string(Ending ending);

struct DeclaredOutput {
  std::string name;
  fs::path path;
  bool reference = false;  // recorded where it is, never moved or copied
};

// How a request ended. `code` is a short word for machines; the words that do not come from the stage itself:
//   plugin_refused     cannot be loaded, or of another ABI; `message` says why and names both versions
//   undefined_symbol   the loader found a symbol missing; `message` names it
//   no_such_stage      the plugin has no stage of that id
//   threw              an exception left the stage
//   protocol_violation an event that the host protocol does not allow, or too large
//   invalid_output     an output undeclared, missing, outside the work folder, or a symbolic link
//   invalid_metric     a metric that is not JSON or not finite
//   exited_early       the process ended without finishing the call
//   crashed_signal     it died of a signal; out_of_memory: of SIGKILL, while the kernel killed for memory
//   timed_out, cancelled, lost_host (infrastructure), cannot_start (infrastructure)
struct Outcome {
  std::uint64_t token = 0;
  Ending ending = Ending::failed;
  std::string code;
  std::string message, where, hint;
  int exit_status = -1;  // -1 when it died of `signal`
  int signal = 0;
  std::vector<DeclaredOutput> outputs;        // in the order of declaration
  std::map<std::string, base::Json> metrics;  // of succeeded runs and of all others, as far as they came
  // describe: {"name", "version", "abi": [major, minor], "stages": [description…]}; plan: the estimates, null
  // when the stage cannot tell.
  base::Json document;
  std::uint64_t peak_memory_bytes = 0;  // of the host process
  double cpu_seconds = 0;               // of the host and the children it waited for
  double seconds = 0;                   // from start() to the end
};

using Batch = std::vector<std::variant<HostEvent, Outcome>>;

class Executor {
 public:
  virtual ~Executor() = default;

  // Never throws for what concerns the stage: a host that cannot be started is an Outcome too.
  virtual void start(StageRequest request) = 0;

  // What happened, in order; waits up to `timeout` for the first (negative: for ever). Exactly one Outcome
  // comes for each request, after all its events.
  virtual Batch poll(std::chrono::milliseconds timeout) = 0;

  virtual void cancel(std::uint64_t token) = 0;  // asks by SIGTERM; SIGKILL to the whole group after grace
  virtual void kill(std::uint64_t token) = 0;    // at once
  virtual void wake() = 0;                       // async-signal-safe: makes poll() return
  // From now on every request that states `memory` enforces it: on each process (RLIMIT_DATA), and, where
  // control groups can be made (control_group.h), on all of its processes together. Before the first start().
  virtual void enforce_memory() {}
  virtual std::size_t running() const = 0;
};

// Whether hosts are made by copying a process that has the plugin loaded (host/server.h says what that keeps
// and what not), instead of starting a program for each. A plugin that copies would not do justice, or whose
// server ends unexpectedly, gets started programs all the same.
enum class WarmHosts {
  never,
  when_wanted,  // for a plugin that is asked for a second time
  always,       // from the first time on, and the first start() waits for the plugin to be loaded: for tests
};

// Runs each request in a child process of this machine. Makes the calling process the reaper of orphaned
// descendants (PR_SET_CHILD_SUBREAPER). The destructor kills what still runs.
std::unique_ptr<Executor> make_local_executor(fs::path host_program, base::Clock& clock,
                                              WarmHosts warm = WarmHosts::when_wanted);

// Kills every process of this machine and user whose environment says that it is of one of these attempts
// (PRESSWORK_ATTEMPT), and returns how many there were. For recovery after an orchestrator died.
std::size_t reap_strays(const std::set<std::string>& attempts);

// 32 random hexadecimal digits from the kernel: for nonces and attempts.
std::string random_id();

}  // namespace presswork::executor
