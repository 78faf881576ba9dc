// Runs that repeat an earlier one.
#include "orchestrator/store/ledger_sqlite.h"
#include "orchestrator/store/ledger_values.h"

namespace presswork::store {

using base::Json;

void SqliteLedger::put(const RunMemo& memo) {
  const std::lock_guard lock(mutex_);
  db_.prepare(
         "INSERT OR REPLACE INTO run_memos VALUES (?, ?, ?, ?, ?, "
         "(SELECT IFNULL(MAX(serial), 0) FROM checkpoints))")
      .bind(memo.question)
      .bind(known_run(memo.run))
      .bind(text_of(memo.instances))
      .bind(text_of(memo.files))
      .bind(text_of(memo.checklist))
      .step();
  db_.prepare(
         "DELETE FROM run_memos WHERE question NOT IN "
         "(SELECT question FROM run_memos ORDER BY run DESC LIMIT 20)")
      .step();
}

// One that is damaged is none: without it a run only takes longer.
std::optional<RunMemo> SqliteLedger::run_memo(const std::string& question) {
  const std::lock_guard lock(mutex_);
  auto query = db_.prepare(
      "SELECT m.run, r.workflow, m.instances, m.files, m.checklist, m.serial FROM run_memos AS m "
      "JOIN runs AS r ON r.number = m.run WHERE m.question = ?");
  query.bind(question);
  if (!query.step()) return std::nullopt;
  RunMemo memo;
  memo.question = question;
  memo.run = run_id(query.integer());
  memo.workflow = query.text();
  try {
    memo.instances = Json::parse(query.text()).get<std::vector<std::string>>();
    memo.files = Json::parse(query.text()).get<std::map<std::string, std::string>>();
    memo.checklist = Json::parse(query.text());
  } catch (const Json::exception&) {
    return std::nullopt;
  }
  memo.serial = query.integer();
  return memo;
}

SqliteLedger::Origin SqliteLedger::origin_of(std::int64_t run) {
  auto query = db_.prepare("SELECT rows_of, time FROM repeats WHERE run = ?");
  query.bind(run);
  if (!query.step()) return {run, ""};
  const std::int64_t origin = query.integer();
  return {origin, query.text()};
}

// Gives a run that repeats another one instances of its own.
void SqliteLedger::make_own(std::int64_t run) {
  const Origin origin = origin_of(run);
  if (origin.time.empty()) return;
  db_.prepare(
         "INSERT INTO instances (run, id, uses, state, cause, key, inputs, parameters, started, ended, "
         "attempts, needs, kind, key_rest, checkpoint) "
         "SELECT ?1, id, uses, 'cached', '', key, inputs, parameters, ?3, ?3, 0, needs, kind, key_rest, "
         "checkpoint "
         "FROM instances WHERE run = ?2 ORDER BY position")
      .bind(run)
      .bind(origin.run)
      .bind(origin.time)
      .step();
  db_.prepare("DELETE FROM repeats WHERE run = ?").bind(run).step();
}

// Before a run's instances go: the first of those that repeat it keeps them for the others.
void SqliteLedger::hand_on(std::int64_t run) {
  std::int64_t heir = 0;
  {
    auto query = db_.prepare("SELECT IFNULL(MIN(run), 0) FROM repeats WHERE rows_of = ?");
    query.bind(run).step();
    heir = query.integer();
  }
  if (heir == 0) return;
  make_own(heir);
  db_.prepare("UPDATE repeats SET rows_of = ? WHERE rows_of = ?").bind(heir).bind(run).step();
}

// Before a run's instances change: they are its alone then.
void SqliteLedger::part(std::int64_t run) {
  hand_on(run);
  make_own(run);
}

std::string SqliteLedger::repeat(const RunMemo& memo, const std::string& time) {
  const std::int64_t old = known_run(memo.run);
  const std::lock_guard lock(mutex_);
  db_.prepare(
         "INSERT INTO runs (workflow, state, plan, started, ended, message) "
         "SELECT workflow, 'succeeded', plan, ?2, ?2, '' FROM runs WHERE number = ?1")
      .bind(old)
      .bind(time)
      .step();
  const std::int64_t number = db_.last_insert_rowid();
  db_.prepare("INSERT INTO repeats VALUES (?, ?, ?)").bind(number).bind(origin_of(old).run).bind(time).step();
  db_.prepare("UPDATE run_memos SET run = ? WHERE question = ?").bind(number).bind(memo.question).step();
  return run_id(number);
}

}  // namespace presswork::store
