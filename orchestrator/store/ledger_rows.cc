// Rows in and out of the tables of ledger_schema.h.
#include <charconv>

#include "orchestrator/base/error.h"
#include "orchestrator/store/ledger_sqlite.h"

namespace presswork::store {

using base::Error;
using base::ErrorCode;
using base::Json;
using sqlite::Statement;

namespace {

// The number of run "r12" is 12; nothing when the text is not such an id.
std::optional<std::int64_t> run_number(const std::string& id) {
  std::int64_t number = 0;
  const char* end = id.data() + id.size();
  if (id.size() < 2 || id[0] != 'r' || id[1] < '1' || id[1] > '9') return {};
  const auto [stop, failed] = std::from_chars(id.data() + 1, end, number);
  if (failed != std::errc() || stop != end) return {};
  return number;
}

std::int64_t known_run(const std::string& id) {
  if (const auto number = run_number(id)) return *number;
  throw Error(ErrorCode::not_found, "there is no run \"" + id + "\"", "`presswork runs` lists them");
}

std::string run_id(std::int64_t number) { return "r" + std::to_string(number); }

[[noreturn]] void damaged(const std::string& what) {
  throw Error(ErrorCode::corrupt, "the ledger is damaged: " + what,
              "the artifacts in the store are intact; run `presswork doctor`");
}

Json json(const std::string& text) {
  Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded()) damaged("a row does not hold JSON");
  return value;
}

std::string text_of(const Json& value) {
  try {
    return base::canonical(value);
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::invalid_input, std::string("a value cannot be recorded as JSON: ") + error.what());
  }
}

RunRow read_run(Statement& row) {
  RunRow run;
  run.id = run_id(row.integer());
  run.workflow = row.text();
  run.state = row.text();
  run.plan = json(row.text());
  run.started = row.text();
  run.ended = row.text();
  run.message = row.text();
  return run;
}

AttemptRow read_attempt(Statement& row) {
  AttemptRow attempt;
  attempt.run = run_id(row.integer());
  attempt.instance = row.text();
  attempt.number = static_cast<int>(row.integer());
  attempt.id = row.text();
  attempt.pid = row.integer();
  attempt.started = row.text();
  attempt.ended = row.text();
  attempt.outcome = row.text();
  attempt.code = row.text();
  attempt.message = row.text();
  attempt.where = row.text();
  attempt.hint = row.text();
  attempt.log = row.text();
  return attempt;
}

CheckpointRow read_checkpoint(Statement& row) {
  CheckpointRow checkpoint;
  checkpoint.key = row.text();
  checkpoint.uses = row.text();
  const Json outputs = json(row.text());
  if (!outputs.is_object()) damaged("outputs of a checkpoint");
  for (const auto& [name, output] : outputs.items()) {
    if (!output.is_object()) damaged("output " + name);
    const Json type = output.value("type", Json());
    const Json digest = output.value("digest", Json());
    if (!type.is_string() || !digest.is_string()) damaged("output " + name);
    checkpoint.outputs[name] = {type.get<std::string>(), digest.get<std::string>()};
  }
  checkpoint.metrics = json(row.text());
  checkpoint.seconds = row.real();
  checkpoint.cpu_seconds = row.real();
  checkpoint.peak_memory_bytes = static_cast<std::uint64_t>(row.integer());
  checkpoint.run = row.text();
  checkpoint.instance = row.text();
  checkpoint.created = row.text();
  return checkpoint;
}

}  // namespace

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
         "attempts) "
         "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
         "ON CONFLICT (run, id) DO UPDATE SET uses = ?3, state = ?4, cause = ?5, key = ?6, inputs = ?7, "
         "parameters = ?8, started = ?9, ended = ?10, attempts = ?11")
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

void SqliteLedger::put(const CheckpointRow& row) {
  Json outputs = Json::object();
  for (const auto& [name, output] : row.outputs)
    outputs[name] = {{"type", output.type}, {"digest", output.digest}};
  const std::lock_guard lock(mutex_);
  db_.prepare("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(row.key)
      .bind(row.uses)
      .bind(text_of(outputs))
      .bind(text_of(row.metrics))
      .bind(row.seconds)
      .bind(row.cpu_seconds)
      .bind(static_cast<std::int64_t>(row.peak_memory_bytes))
      .bind(row.run)
      .bind(row.instance)
      .bind(row.created)
      .step();
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

void SqliteLedger::forget_checkpoint(const std::string& key) {
  const std::lock_guard lock(mutex_);
  db_.prepare("DELETE FROM checkpoints WHERE key = ?").bind(key).step();
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
      "SELECT number, workflow, state, plan, started, ended, message FROM runs ORDER BY number DESC");
  while (query.step()) rows.push_back(read_run(query));
  return rows;
}

std::vector<InstanceRow> SqliteLedger::instances(const std::string& run) {
  const std::int64_t number = known_run(run);
  const std::lock_guard lock(mutex_);
  std::vector<InstanceRow> rows;
  auto query = db_.prepare(
      "SELECT id, uses, state, cause, key, inputs, parameters, started, ended, attempts FROM instances "
      "WHERE run = ? ORDER BY position");
  query.bind(number);
  while (query.step()) {
    InstanceRow row;
    row.run = run;
    row.id = query.text();
    row.uses = query.text();
    row.state = query.text();
    row.cause = query.text();
    row.key = query.text();
    row.inputs = json(query.text());
    row.with = json(query.text());
    row.started = query.text();
    row.ended = query.text();
    row.attempts = static_cast<int>(query.integer());
    rows.push_back(std::move(row));
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

std::optional<CheckpointRow> SqliteLedger::checkpoint(const std::string& key) {
  const std::lock_guard lock(mutex_);
  auto query = db_.prepare("SELECT * FROM checkpoints WHERE key = ?");
  query.bind(key);
  if (!query.step()) return {};
  return read_checkpoint(query);
}

std::vector<CheckpointRow> SqliteLedger::checkpoints() {
  const std::lock_guard lock(mutex_);
  std::vector<CheckpointRow> rows;
  auto query = db_.prepare("SELECT * FROM checkpoints ORDER BY created, key");
  while (query.step()) rows.push_back(read_checkpoint(query));
  return rows;
}

std::vector<DecisionRow> SqliteLedger::decisions(const std::string& run) {
  const std::int64_t number = known_run(run);
  const std::lock_guard lock(mutex_);
  std::vector<DecisionRow> rows;
  auto query = db_.prepare("SELECT id, branch, inputs, made FROM decisions WHERE run = ? ORDER BY position");
  query.bind(number);
  while (query.step()) {
    DecisionRow row;
    row.run = run;
    row.id = query.text();
    row.branch = query.text();
    row.inputs = json(query.text());
    row.made = query.text();
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace presswork::store
