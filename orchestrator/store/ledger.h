// The ledger: the SQLite database (WAL, synchronous FULL) that records every run, attempt, decision and
// checkpoint before anything depends on it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/base/json.h"
#include "orchestrator/store/artifact_store.h"

namespace presswork::store {

struct RunRow {
  std::string id;  // "r1", "r2", … in the order of their start
  std::string workflow;
  std::string state;           // running, interrupted, succeeded, failed, cancelled
  base::Json plan;             // all that a resume needs
  std::string started, ended;  // UTC; `ended` empty while it runs
  std::string message;         // why it failed
};

struct InstanceRow {
  std::string run, id;
  std::string uses;   // stage name; empty for a decision
  std::string state;  // pending, running, succeeded, cached, failed, timed_out, cancelled, skipped
  std::string cause;  // of failed and skipped
  std::string key;    // cache key, once it is known
  base::Json inputs;  // {name: {instance, output, type, digest}}
  base::Json with;    // resolved parameters
  std::string started, ended;
  int attempts = 0;
};

struct AttemptRow {
  std::string run, instance;
  int number = 1;
  std::string id;  // unique for ever; in the environment of the host's processes
  std::int64_t pid = 0;
  std::string started, ended;
  std::string outcome;  // empty while it runs; succeeded, failed, crashed, timed_out, …, interrupted
  std::string code, message, where, hint;
  std::string log;  // path of the log file
};

struct OutputRow {
  std::string type;
  std::string digest;
};

// What a stage's work came to. Lives by its cache key; any run may use it.
struct CheckpointRow {
  std::string key, uses;
  std::map<std::string, OutputRow> outputs;
  base::Json metrics;
  double seconds = 0, cpu_seconds = 0;
  std::uint64_t peak_memory_bytes = 0;
  std::string run, instance, created;  // who made it
};

struct DecisionRow {
  std::string run, id, branch;
  base::Json inputs;  // {name: value} of every name that its conditions read
  std::string made;
};

// One connection; every function may be called from any thread, and takes part in the transaction that is
// open, if one is. Outside of a transaction each change is one of its own. What the database refuses is an
// Error: {no_space, locked} when another process keeps it for more than five seconds, {corrupt, permission,
// io}. In read_only mode find() works, remember() does nothing, and every other change is Error{permission}.
// The memo only saves time, so it never throws and never takes part in a transaction: what it is given while
// one is open is written after its end, and what it cannot write or read is a warning in the log.
class Ledger : public DigestMemo {
 public:
  enum class Mode { read_write, read_only };
  // Creates the file and its tables when missing. Throws Error{incompatible} for a newer schema, {corrupt}
  // for a damaged file (saying how to go on: the store's artifacts are intact, `presswork doctor`), {io,
  // permission}.
  static std::unique_ptr<Ledger> open(const std::filesystem::path& file, Mode mode = Mode::read_write);
  ~Ledger() override = default;

  // Everything recorded between begin() and commit() reaches the disk together, or not at all. Not nested.
  virtual void begin() = 0;
  virtual void commit() = 0;
  virtual void roll_back() = 0;

  virtual std::string create_run(const RunRow& run) = 0;  // gives the id
  virtual void set_run_state(const std::string& run, const std::string& state, const std::string& ended,
                             const std::string& message) = 0;
  virtual void put(const InstanceRow& row) = 0;                // inserts or replaces, by (run, id)
  virtual void put(const AttemptRow& row) = 0;                 // by (run, instance, number)
  virtual void put(const CheckpointRow& row) = 0;              // by key
  virtual void put(const DecisionRow& row) = 0;                // by (run, id)
  virtual void forget_checkpoint(const std::string& key) = 0;  // its artifacts turned out damaged

  virtual std::optional<RunRow> run(const std::string& id) = 0;
  virtual std::vector<RunRow> runs() = 0;                                  // newest first
  virtual std::vector<InstanceRow> instances(const std::string& run) = 0;  // in the order first put
  virtual std::vector<AttemptRow> attempts(const std::string& run) = 0;
  virtual std::vector<AttemptRow> open_attempts() = 0;  // of all runs, without an outcome
  virtual std::optional<CheckpointRow> checkpoint(const std::string& key) = 0;
  virtual std::vector<CheckpointRow> checkpoints() = 0;  // by time of making; for gc and verify
  virtual std::vector<DecisionRow> decisions(const std::string& run) = 0;

  // Runs a full integrity check; empty when sound.
  virtual std::string check() = 0;
};

}  // namespace presswork::store
