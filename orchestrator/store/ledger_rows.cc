// Rows in and out of the tables of ledger_schema.h.
#include "orchestrator/base/error.h"
#include "orchestrator/store/ledger_sqlite.h"
#include "orchestrator/store/ledger_values.h"

namespace presswork::store {

using base::Error;
using base::ErrorCode;

// Of both tables of checkpoints, in the order in which read_checkpoint() takes them.
#define CHECKPOINT_COLUMNS \
  "key, uses, outputs, metrics, seconds, cpu_seconds, peak_memory_bytes, run, instance, created, serial"

std::string SqliteLedger::create_run(const RunRow& run) {
  const std::lock_guard lock(mutex_);
  db_.prepare("INSERT INTO runs (workflow, state, plan, started, ended, message) VALUES (?, ?, ?, ?, ?, ?)")
      .bind(run.workflow)
      .bind(run.state)
      .bind(text_of(run.plan))
      .bind(run.started)
      .bind(run.ended)
      .bind(run.message)
      .step();
  return run_id(db_.last_insert_rowid());
}

void SqliteLedger::set_run_state(const std::string& run, const std::string& state, const std::string& ended,
                                 const std::string& message) {
  const std::lock_guard lock(mutex_);
  if (state == "running") part(known_run(run));  // it is resumed
  db_.prepare("UPDATE runs SET state = ?, ended = ?, message = ? WHERE number = ?")
      .bind(state)
      .bind(ended)
      .bind(message)
      .bind(known_run(run))
      .step();
}

void SqliteLedger::put(const InstanceRow& row) {
  const std::lock_guard lock(mutex_);
  db_.prepare(
         "INSERT INTO instances (run, id, uses, state, cause, key, inputs, parameters, started, ended, "
         "attempts, needs, kind, key_rest, checkpoint) "
         "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) "
         "ON CONFLICT (run, id) DO UPDATE SET uses = ?3, state = ?4, cause = ?5, key = ?6, inputs = ?7, "
         "parameters = ?8, started = ?9, ended = ?10, attempts = ?11, needs = ?12, kind = ?13, "
         "key_rest = ?14, checkpoint = ?15")
      .bind(known_run(row.run))
      .bind(row.id)
      .bind(row.uses)
      .bind(row.state)
      .bind(row.cause)
      .bind(row.key)
      .bind(text_of(row.inputs))
      .bind(text_of(row.with))
      .bind(row.started)
      .bind(row.ended)
      .bind(std::int64_t{row.attempts})
      .bind(text_of(row.needs))
      .bind(kind_of(row))
      .bind(text_of(row.key_rest))
      .bind(row.checkpoint)
      .step();
}

void SqliteLedger::put(const AttemptRow& row) {
  const std::lock_guard lock(mutex_);
  db_.prepare(
         "INSERT INTO attempts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) "
         "ON CONFLICT (run, instance, number) DO UPDATE SET id = ?4, pid = ?5, started = ?6, ended = ?7, "
         "outcome = ?8, code = ?9, message = ?10, place = ?11, hint = ?12, log = ?13")
      .bind(known_run(row.run))
      .bind(row.instance)
      .bind(std::int64_t{row.number})
      .bind(row.id)
      .bind(row.pid)
      .bind(row.started)
      .bind(row.ended)
      .bind(row.outcome)
      .bind(row.code)
      .bind(row.message)
      .bind(row.where)
      .bind(row.hint)
      .bind(row.log)
      .step();
}

// Under the lock, like what follows.
void SqliteLedger::retire(const std::string& key) {
  db_.prepare("INSERT OR REPLACE INTO earlier_checkpoints (" CHECKPOINT_COLUMNS ") SELECT " CHECKPOINT_COLUMNS
              " FROM checkpoints WHERE key = ?")
      .bind(key)
      .step();
  db_.prepare("DELETE FROM checkpoints WHERE key = ?").bind(key).step();
}

std::int64_t SqliteLedger::put(const CheckpointRow& row) {
  const std::lock_guard lock(mutex_);
  auto added = db_.prepare(
      "INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
      "1 + MAX(IFNULL((SELECT MAX(serial) FROM checkpoints), 0), "
      "IFNULL((SELECT MAX(serial) FROM earlier_checkpoints), 0), "
      "IFNULL((SELECT MAX(serial) FROM superseded), 0))) RETURNING serial");
  sqlite::Savepoint both(db_);
  retire(row.key);
  added.bind(row.key)
      .bind(row.uses)
      .bind(text_of(to_json(row.outputs)))
      .bind(text_of(row.metrics))
      .bind(row.seconds)
      .bind(row.cpu_seconds)
      .bind(static_cast<std::int64_t>(row.peak_memory_bytes))
      .bind(row.run)
      .bind(row.instance)
      .bind(row.created)
      .step();
  const std::int64_t serial = added.integer();
  while (added.step()) {
  }
  both.keep();
  return serial;
}

void SqliteLedger::put(const DecisionRow& row) {
  const std::lock_guard lock(mutex_);
  db_.prepare(
         "INSERT INTO decisions (run, id, branch, inputs, made) VALUES (?1, ?2, ?3, ?4, ?5) "
         "ON CONFLICT (run, id) DO UPDATE SET branch = ?3, inputs = ?4, made = ?5")
      .bind(known_run(row.run))
      .bind(row.id)
      .bind(row.branch)
      .bind(text_of(row.inputs))
      .bind(row.made)
      .step();
}

void SqliteLedger::forget_checkpoint(const CheckpointId& id) {
  const std::lock_guard lock(mutex_);
  for (const char* statement : {"DELETE FROM checkpoints WHERE key = ? AND serial = ?",
                                "DELETE FROM earlier_checkpoints WHERE key = ? AND serial = ?"}) {
    db_.prepare(statement).bind(id.first).bind(id.second).step();
  }
}

void SqliteLedger::retire_checkpoint(const std::string& key) {
  const std::lock_guard lock(mutex_);
  sqlite::Savepoint both(db_);
  retire(key);
  both.keep();
}

std::optional<RunRow> SqliteLedger::run(const std::string& id) {
  const auto number = run_number(id);
  if (!number) return {};
  const std::lock_guard lock(mutex_);
  auto query =
      db_.prepare("SELECT number, workflow, state, plan, started, ended, message FROM runs WHERE number = ?");
  query.bind(*number);
  if (!query.step()) return {};
  return read_run(query);
}

std::vector<RunRow> SqliteLedger::runs() {
  const std::lock_guard lock(mutex_);
  std::vector<RunRow> rows;
  auto query = db_.prepare(
      "SELECT number, workflow, state, 'null', started, ended, message FROM runs ORDER BY number DESC");
  while (query.step()) rows.push_back(read_run(query));
  return rows;
}

std::vector<InstanceRow> SqliteLedger::instances(const std::string& run) {
  const std::int64_t number = known_run(run);
  const std::lock_guard lock(mutex_);
  std::vector<InstanceRow> rows;
  auto query = db_.prepare(
      "SELECT id, uses, kind, state, cause, key, started, ended, attempts, checkpoint, inputs, parameters, "
      "needs, key_rest FROM instances WHERE run = ? ORDER BY position");
  const Origin origin = origin_of(number);
  query.bind(origin.run);
  while (query.step()) {
    rows.push_back(read_instance(query));
    rows.back().run = run;
    origin.apply(rows.back());
  }
  return rows;
}

std::optional<InstanceRow> SqliteLedger::instance(const std::string& run, const std::string& id) {
  const std::int64_t number = known_run(run);
  const std::lock_guard lock(mutex_);
  auto query = db_.prepare(
      "SELECT id, uses, kind, state, cause, key, started, ended, attempts, checkpoint, inputs, parameters, "
      "needs, key_rest FROM instances WHERE run = ? AND id = ?");
  const Origin origin = origin_of(number);
  query.bind(origin.run).bind(id);
  if (!query.step()) return std::nullopt;
  InstanceRow row = read_instance(query);
  row.run = run;
  origin.apply(row);
  return row;
}

std::vector<InstanceBrief> SqliteLedger::instance_briefs(const std::string& run) {
  const std::int64_t number = known_run(run);
  const std::lock_guard lock(mutex_);
  std::vector<InstanceBrief> rows;
  auto query = db_.prepare(
      "SELECT id, uses, kind, state, cause, key, started, ended, attempts, checkpoint FROM instances "
      "WHERE run = ? ORDER BY position");
  const Origin origin = origin_of(number);
  query.bind(origin.run);
  while (query.step()) {
    rows.push_back(read_brief(query));
    origin.apply(rows.back());
  }
  return rows;
}

InstancesWithCheckpoints SqliteLedger::instances_with_checkpoints(const std::string& run) {
  const std::int64_t number = known_run(run);
  const std::lock_guard lock(mutex_);
  InstancesWithCheckpoints rows;
  const Origin origin = origin_of(number);
  auto count = db_.prepare("SELECT COUNT(*) FROM instances WHERE run = ?");
  count.bind(origin.run).step();
  rows.reserve(static_cast<std::size_t>(count.integer()));  // they are large
  auto query = db_.prepare(
      "SELECT i.id, i.uses, i.kind, i.state, i.cause, i.key, i.started, i.ended, i.attempts, i.checkpoint, "
      "c.key IS NOT NULL, c.* FROM instances AS i LEFT JOIN checkpoints AS c ON c.key = i.key AND i.key <> "
      "'' "
      "AND i.state IN ('succeeded', 'cached') WHERE i.run = ? ORDER BY i.position");
  query.bind(origin.run);
  while (query.step()) {
    auto& row = rows.emplace_back(read_brief(query), std::nullopt);
    origin.apply(row.first);
    if (query.integer() != 0) row.second = read_checkpoint(query);
    row.second = of_serial(std::move(row.second), row.first.key, row.first.checkpoint);
  }
  return rows;
}

std::vector<AttemptRow> SqliteLedger::attempts(const std::string& run) {
  const std::int64_t number = known_run(run);
  const std::lock_guard lock(mutex_);
  std::vector<AttemptRow> rows;
  auto query = db_.prepare("SELECT * FROM attempts WHERE run = ? ORDER BY rowid");
  query.bind(number);
  while (query.step()) rows.push_back(read_attempt(query));
  return rows;
}

std::vector<AttemptRow> SqliteLedger::open_attempts() {
  const std::lock_guard lock(mutex_);
  std::vector<AttemptRow> rows;
  auto query = db_.prepare("SELECT * FROM attempts WHERE outcome = '' ORDER BY rowid");
  while (query.step()) rows.push_back(read_attempt(query));
  return rows;
}

std::optional<CheckpointRow> SqliteLedger::of_serial(std::optional<CheckpointRow> latest,
                                                     const std::string& key, std::int64_t serial) {
  if (serial == 0 || (latest && latest->serial == serial)) return latest;
  auto query =
      db_.prepare("SELECT " CHECKPOINT_COLUMNS " FROM earlier_checkpoints WHERE key = ? AND serial = ?");
  query.bind(key).bind(serial);
  if (!query.step()) return latest;
  CheckpointRow row = read_checkpoint(query);
  row.latest = false;
  return row;
}

std::optional<CheckpointRow> SqliteLedger::find_checkpoint(const std::string& key, std::int64_t serial) {
  std::optional<CheckpointRow> latest;
  auto query = db_.prepare("SELECT * FROM checkpoints WHERE key = ?");
  query.bind(key);
  if (query.step()) latest = read_checkpoint(query);
  return of_serial(std::move(latest), key, serial);
}

std::optional<CheckpointRow> SqliteLedger::checkpoint(const std::string& key, std::int64_t serial) {
  const std::lock_guard lock(mutex_);
  return find_checkpoint(key, serial);
}

std::vector<CheckpointRow> SqliteLedger::checkpoints() {
  const std::lock_guard lock(mutex_);
  std::vector<CheckpointRow> rows;
  auto query = db_.prepare("SELECT " CHECKPOINT_COLUMNS
                           ", 1 FROM checkpoints UNION ALL "
                           "SELECT " CHECKPOINT_COLUMNS
                           ", 0 FROM earlier_checkpoints "
                           "ORDER BY created, key, serial");
  while (query.step()) {
    rows.push_back(read_checkpoint(query));
    rows.back().latest = query.integer() != 0;
  }
  return rows;
}

std::vector<DecisionRow> SqliteLedger::decisions(const std::string& run) {
  const std::int64_t number = known_run(run);
  const std::lock_guard lock(mutex_);
  std::vector<DecisionRow> rows;
  auto query = db_.prepare("SELECT id, branch, inputs, made FROM decisions WHERE run = ? ORDER BY position");
  query.bind(number);
  while (query.step()) {
    rows.push_back(read_decision(query));
    rows.back().run = run;
  }
  return rows;
}

}  // namespace presswork::store
