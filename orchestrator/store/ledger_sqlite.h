// The ledger on SQLite.
#pragma once

#include <mutex>
#include <vector>

#include "orchestrator/store/ledger.h"
#include "orchestrator/store/sqlite.h"

namespace presswork::store {

class SqliteLedger : public Ledger {
 public:
  SqliteLedger(const std::string& file, int flags) : db_(file, flags) {}
  ~SqliteLedger() override;
  void set_up(const std::string& file, Mode mode);  // checks the version, brings it up to date
  void refuse_holes(const std::string& file, std::int64_t page_size);

  void begin(Durable durable = Durable::at_commit) override;
  void begin_reading() override;
  void commit() override;
  void sync() override;
  void roll_back() override;
  std::string create_run(const RunRow& run) override;
  void set_run_state(const std::string& run, const std::string& state, const std::string& ended,
                     const std::string& message) override;
  void put(const InstanceRow& row) override;
  void put(const AttemptRow& row) override;
  std::int64_t put(const CheckpointRow& row) override;
  void put(const DecisionRow& row) override;
  void put(const IterationRow& row) override;
  void put(const RunMemo& memo) override;
  void forget_checkpoint(const CheckpointId& id) override;
  void retire_checkpoint(const std::string& key) override;
  void supersede(const std::string& run, const std::vector<std::string>& ids,
                 const std::set<std::string>& undo, const std::string& time,
                 const std::string& reason) override;
  void set_undo(const std::string& run, const std::string& id, int generation,
                const std::string& undo) override;
  void forget_run(const std::string& run) override;
  std::string repeat(const RunMemo& memo, const std::string& time) override;
  std::optional<RunRow> run(const std::string& id) override;
  std::vector<RunRow> runs() override;
  std::vector<InstanceRow> instances(const std::string& run) override;
  std::optional<InstanceRow> instance(const std::string& run, const std::string& id) override;
  std::vector<InstanceBrief> instance_briefs(const std::string& run) override;
  InstancesWithCheckpoints instances_with_checkpoints(const std::string& run) override;
  std::vector<AttemptRow> attempts(const std::string& run) override;
  std::vector<AttemptRow> open_attempts() override;
  std::optional<CheckpointRow> checkpoint(const std::string& key, std::int64_t serial = 0) override;
  std::vector<CheckpointRow> checkpoints() override;
  std::optional<RunMemo> run_memo(const std::string& question) override;
  std::vector<DecisionRow> decisions(const std::string& run) override;
  std::vector<IterationRow> iterations(const std::string& run) override;
  std::map<std::string, SupersededMark> superseded(const std::string& run) override;
  std::vector<SupersededRow> history(const std::string& run) override;
  std::vector<SupersededRow> pending_undo(const std::string& run) override;
  std::string check() override;

  std::optional<std::string> find(const fs::path& path, const base::FileStatus& status) override;
  void remember(const fs::path& path, const base::FileStatus& status, const std::string& sha256) override;

 private:
  struct Remembered {
    fs::path path;
    base::FileStatus status;
    std::string sha256;
  };
  // Whose instances those of a run are, and when they were cached; "" when they are its own.
  struct Origin {
    std::int64_t run = 0;
    std::string time;
    void apply(auto& instance) const {
      if (time.empty()) return;
      instance.state = "cached";
      instance.cause.clear();
      instance.started = instance.ended = time;
      instance.attempts = 0;
    }
  };
  void retire(const std::string& key);
  // The one of that serial if the ledger has it, else the latest.
  std::optional<CheckpointRow> of_serial(std::optional<CheckpointRow> latest, const std::string& key,
                                         std::int64_t serial);
  std::optional<CheckpointRow> find_checkpoint(const std::string& key, std::int64_t serial);
  Origin origin_of(std::int64_t run);
  void make_own(std::int64_t run);
  void hand_on(std::int64_t run);
  void part(std::int64_t run);
  std::optional<std::string> recall(const fs::path& path, const base::FileStatus& status);
  void set_durable(Durable durable);
  void write_down_memo() noexcept;
  void memo_failed(const char* reason) noexcept;
  base::Json take_away(std::int64_t run, const std::string& id);
  std::vector<SupersededRow> superseded_rows(const std::string& run, bool pending_only);

  std::mutex mutex_;
  sqlite::Connection db_;
  std::string log_file_;  // SQLite's write-ahead log
  int log_ = -1;          // to sync it by
  Durable durable_ = Durable::at_commit;
  std::vector<Remembered> unwritten_;  // of the memo, until no transaction is open
  bool memo_failed_ = false;           // said so already
};

}  // namespace presswork::store
