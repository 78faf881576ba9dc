// The ledger: the SQLite database (WAL, synchronous FULL) that records every run, attempt, decision and
// checkpoint before anything depends on it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/base/json.h"
#include "orchestrator/store/artifact_store.h"

namespace presswork::store {

struct RunRow {
  std::string id;  // "r1", "r2", … in the order of their start
  std::string workflow;
  std::string state;           // running, interrupted, partial, succeeded, failed, cancelled
  base::Json plan;             // all that a resume needs; runs() leaves it null
  std::string started, ended;  // UTC; `ended` empty while it runs
  std::string message;         // why it failed
};

struct InstanceRow {
  std::string run, id;
  std::string uses;   // stage name; empty for what is no stage
  std::string state;  // pending, running, succeeded, cached, failed, timed_out, cancelled, skipped
  std::string cause;  // of failed and skipped
  std::string key;    // cache key, once it is known
  base::Json inputs;  // {name: {instance, output, type, digest}}
  base::Json with;    // resolved parameters
  std::string started, ended;
  int attempts = 0;
  std::string kind = {};                // stage, decision, loop, select; empty: put() tells by `uses`
  std::vector<std::string> needs = {};  // ids of the instances that it needed
  base::Json key_rest = nullptr;        // what else went into the key than `with` and `inputs`
  std::int64_t checkpoint = 0;          // the serial of what it came to; 0: none, or the latest of its key
};

// Whether an instance in that state came to something.
inline bool has_result(std::string_view state) { return state == "succeeded" || state == "cached"; }

// An instance without what takes long to read.
struct InstanceBrief {
  std::string id, uses, kind, state, cause, key, started, ended;
  int attempts = 0;
  std::int64_t checkpoint = 0;
};

struct AttemptRow {
  std::string run, instance;
  int number = 1;
  std::string id;  // unique for ever; in the environment of the host's processes
  std::int64_t pid = 0;
  std::string started, ended;
  std::string outcome;  // empty while it runs; succeeded, failed, crashed, timed_out, …, interrupted
  std::string code, message, where, hint;
  std::string log;  // path of the log file; empty when nothing was written
};

struct OutputRow {
  std::string type;
  std::string digest;
};

// What a stage's work came to. Lives by its cache key; any run may use the latest of its key. Earlier ones
// stay for the runs that came to them.
struct CheckpointRow {
  std::string key, uses;
  std::map<std::string, OutputRow> outputs;
  base::Json metrics;
  double seconds = 0, cpu_seconds = 0;
  std::uint64_t peak_memory_bytes = 0;
  std::string run, instance, created;  // who made it
  std::int64_t serial = 0;             // given by put(): larger than that of any put before
  bool latest = true;                  // false: the cache does not give it any more
};

struct DecisionRow {
  std::string run, id, branch;
  base::Json inputs;  // {name: value} of every name that its conditions read
  std::string made;
};

// An iteration of a loop. Which way its decision went is a DecisionRow, "tune[2]".
struct IterationRow {
  std::string run, loop;  // "tune", "outer[1]/inner"
  int number = 1;
  base::Json state;     // the values that it consumed
  std::string outcome;  // "" until it was judged; break, continue, fail
  std::string made;
};

// What a rollback or retry took away: an instance with its attempts, its decision, or an iteration "tune[2]".
struct SupersededRow {
  std::string run, id;
  int generation = 1;  // counts from 1 for each id
  std::optional<InstanceRow> instance;
  std::vector<AttemptRow> attempts;
  std::optional<CheckpointRow> checkpoint;  // as it was: the same key may have been made anew since
  std::optional<DecisionRow> decision;
  std::optional<IterationRow> iteration;
  std::string time, reason;
  std::string undo;  // the stage's own rollback: "" has none, pending, done, skipped
};

// A run that a later one can be copied from, when it asks the same and nothing has changed: one of stages
// only, all of which succeeded or were in the cache, and may be taken from it again.
struct RunMemo {
  std::string question;                      // digest of all that was asked
  std::string run;                           // the last one that asked it
  std::string workflow = {};                 // of the run; not needed by put()
  std::vector<std::string> instances;        // all of it, in the plan's order
  std::map<std::string, std::string> files;  // outside the store that its stages read, by path: digests
  base::Json checklist;
  std::int64_t serial = 0;  // given by put(): a checkpoint with a larger one is none of this run's
};

// Each with the checkpoint that it came to if it is succeeded or cached and the ledger still has it.
using InstancesWithCheckpoints = std::vector<std::pair<InstanceBrief, std::optional<CheckpointRow>>>;

// What the engine has to know of the past of an id.
struct SupersededMark {
  std::string time;  // of the last superseding
  std::int64_t serial = 0;
  int attempts = 0;    // numbers up to this one are taken
  int generation = 1;  // of the last one superseded
};

using CheckpointId = std::pair<std::string, std::int64_t>;  // key and serial

inline CheckpointId id_of(const CheckpointRow& checkpoint) { return {checkpoint.key, checkpoint.serial}; }

// Whether the checkpoint was made after the superseding, whatever the clock did meanwhile: only then may an
// instance of that id take it from the cache.
inline bool made_after(const CheckpointRow& checkpoint, const SupersededMark& mark) {
  return checkpoint.serial > mark.serial;
}

// One connection; every function may be called from any thread, and takes part in the transaction that is
// open, if one is. Outside of a transaction each change is one of its own. What the database refuses is an
// Error: {no_space, locked} when another process keeps it for more than five seconds, {corrupt, permission,
// io}. In read_only mode find() works, remember() does nothing, and every other change is Error{permission}.
// The memo only saves time, so it never throws and never takes part in a transaction: what it is given while
// one is open is written after its end, and what it cannot write or read is a warning in the log.
class Ledger : public DigestMemo {
 public:
  // alone: as read_write, but needs no room for SQLite's index beside the file, and so opens it on a full
  // disk; nobody else can open it meanwhile.
  enum class Mode { read_write, read_only, alone };
  // Creates the file and its tables when missing. Throws Error{incompatible} for a newer schema, {corrupt}
  // for a damaged file (saying how to go on: the store's artifacts are intact, `presswork doctor`), {io,
  // permission}.
  static std::unique_ptr<Ledger> open(const std::filesystem::path& file, Mode mode = Mode::read_write);
  ~Ledger() override = default;

  // When what a transaction recorded begins to survive a power cut. The death of this process it survives
  // from commit() on. Nothing that was committed later survives without it.
  enum class Durable { at_commit, at_sync };
  // Everything recorded between begin() and commit() reaches the disk together, or not at all. Not nested.
  virtual void begin(Durable durable = Durable::at_commit) = 0;
  // All reads until commit() see one state of the ledger, and cost less.
  virtual void begin_reading() = 0;
  virtual void commit() = 0;
  virtual void sync() = 0;  // after it, all that was committed survives a power cut
  virtual void roll_back() = 0;

  virtual std::string create_run(const RunRow& run) = 0;  // gives the id
  virtual void set_run_state(const std::string& run, const std::string& state, const std::string& ended,
                             const std::string& message) = 0;
  virtual void put(const InstanceRow& row) = 0;  // inserts or replaces, by (run, id)
  virtual void put(const AttemptRow& row) = 0;   // by (run, instance, number)
  virtual std::int64_t put(
      const CheckpointRow& row) = 0;              // the latest of its key from now on; gives its serial
  virtual void put(const DecisionRow& row) = 0;   // by (run, id)
  virtual void put(const IterationRow& row) = 0;  // by (run, loop, number)
  virtual void put(const RunMemo& memo) = 0;  // by question; the latest twenty are kept, as long as their run
                                              // has all of its rows
  virtual void forget_checkpoint(const CheckpointId& id) = 0;  // its artifacts turned out damaged
  // The cache gives it no more; runs that came to it keep it.
  virtual void retire_checkpoint(const std::string& key) = 0;

  // Takes away what has these ids: instances with their attempts, decisions, iterations ("tune[2]"). It stays
  // readable as history(). Those of `undo` wait for their stage's own rollback. In the order given.
  virtual void supersede(const std::string& run, const std::vector<std::string>& ids,
                         const std::set<std::string>& undo, const std::string& time,
                         const std::string& reason) = 0;
  virtual void set_undo(const std::string& run, const std::string& id, int generation,
                        const std::string& undo) = 0;
  virtual void forget_run(const std::string& run) = 0;  // all of its rows; checkpoints live on
  // A new run with the instances of the memo's, all of them cached; gives its id. The memo is of the new run
  // then. The instances are not copied before one of the two runs is resumed, superseded or forgotten.
  virtual std::string repeat(const RunMemo& memo, const std::string& time) = 0;

  virtual std::optional<RunRow> run(const std::string& id) = 0;
  virtual std::vector<RunRow> runs() = 0;                                  // newest first
  virtual std::vector<InstanceRow> instances(const std::string& run) = 0;  // in the order first put
  virtual std::optional<InstanceRow> instance(const std::string& run, const std::string& id) = 0;
  virtual std::vector<InstanceBrief> instance_briefs(const std::string& run) = 0;           // likewise
  virtual InstancesWithCheckpoints instances_with_checkpoints(const std::string& run) = 0;  // likewise
  virtual std::vector<AttemptRow> attempts(const std::string& run) = 0;
  virtual std::vector<AttemptRow> open_attempts() = 0;  // of all runs, without an outcome
  // The one of that serial if the ledger has it, else the latest.
  virtual std::optional<CheckpointRow> checkpoint(const std::string& key, std::int64_t serial = 0) = 0;
  virtual std::vector<CheckpointRow>
  checkpoints() = 0;  // earlier ones, too, by time of making; for gc and verify
  virtual std::optional<RunMemo> run_memo(const std::string& question) = 0;
  virtual std::vector<DecisionRow> decisions(const std::string& run) = 0;
  virtual std::vector<IterationRow> iterations(const std::string& run) = 0;              // by loop and number
  virtual std::map<std::string, SupersededMark> superseded(const std::string& run) = 0;  // by id
  virtual std::vector<SupersededRow> history(const std::string& run) = 0;       // in the order of superseding
  virtual std::vector<SupersededRow> pending_undo(const std::string& run) = 0;  // likewise

  // Runs a full integrity check; empty when sound.
  virtual std::string check() = 0;
};

}  // namespace presswork::store
