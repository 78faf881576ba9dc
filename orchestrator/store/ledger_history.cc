// The iterations of loops, and what rollbacks took away.
#include "orchestrator/base/error.h"
#include "orchestrator/store/ledger_sqlite.h"
#include "orchestrator/store/ledger_values.h"

namespace presswork::store {

using base::Json;
using sqlite::Statement;

namespace {

Json to_json(const InstanceRow& row) {
  return {{"uses", row.uses},   {"kind", row.kind},         {"state", row.state}, {"cause", row.cause},
          {"key", row.key},     {"inputs", row.inputs},     {"with", row.with},   {"started", row.started},
          {"ended", row.ended}, {"attempts", row.attempts}, {"needs", row.needs}};
}

Json to_json(const AttemptRow& row) {
  return {{"number", row.number}, {"id", row.id},           {"pid", row.pid},   {"started", row.started},
          {"ended", row.ended},   {"outcome", row.outcome}, {"code", row.code}, {"message", row.message},
          {"where", row.where},   {"hint", row.hint},       {"log", row.log}};
}

Json to_json(const CheckpointRow& row) {
  return {{"key", row.key},
          {"uses", row.uses},
          {"outputs", store::to_json(row.outputs)},
          {"metrics", row.metrics},
          {"seconds", row.seconds},
          {"cpu_seconds", row.cpu_seconds},
          {"peak_memory_bytes", row.peak_memory_bytes},
          {"run", row.run},
          {"instance", row.instance},
          {"created", row.created},
          {"serial", row.serial}};
}

// get() would convert a fraction, and what does not fit.
std::uint64_t whole_number(const Json& value) { return value.get_ref<const std::uint64_t&>(); }

CheckpointRow checkpoint_from(const Json& json) {
  CheckpointRow row;
  row.key = json.at("key").get<std::string>();
  row.uses = json.at("uses").get<std::string>();
  row.outputs = outputs_from(json.at("outputs"));
  row.metrics = json.at("metrics");
  row.seconds = json.at("seconds").get<double>();
  row.cpu_seconds = json.at("cpu_seconds").get<double>();
  row.peak_memory_bytes = whole_number(json.at("peak_memory_bytes"));
  row.run = json.at("run").get<std::string>();
  row.instance = json.at("instance").get<std::string>();
  row.created = json.at("created").get<std::string>();
  row.serial = static_cast<std::int64_t>(whole_number(json.at("serial")));
  return row;
}

InstanceRow instance_from(const Json& json) {
  InstanceRow row;
  row.uses = json.at("uses").get<std::string>();
  row.kind = json.at("kind").get<std::string>();
  row.state = json.at("state").get<std::string>();
  row.cause = json.at("cause").get<std::string>();
  row.key = json.at("key").get<std::string>();
  row.inputs = json.at("inputs");
  row.with = json.at("with");
  row.started = json.at("started").get<std::string>();
  row.ended = json.at("ended").get<std::string>();
  row.attempts = static_cast<int>(whole_number(json.at("attempts")));
  row.needs = words(json.at("needs"));
  return row;
}

AttemptRow attempt_from(const Json& json) {
  AttemptRow row;
  row.number = static_cast<int>(whole_number(json.at("number")));
  row.id = json.at("id").get<std::string>();
  row.pid = static_cast<std::int64_t>(whole_number(json.at("pid")));
  row.started = json.at("started").get<std::string>();
  row.ended = json.at("ended").get<std::string>();
  row.outcome = json.at("outcome").get<std::string>();
  row.code = json.at("code").get<std::string>();
  row.message = json.at("message").get<std::string>();
  row.where = json.at("where").get<std::string>();
  row.hint = json.at("hint").get<std::string>();
  row.log = json.at("log").get<std::string>();
  return row;
}

void fill_in(SupersededRow& row, const Json& record) {
  if (record.contains("instance")) {
    row.instance = instance_from(record.at("instance"));
    row.instance->run = row.run;
    row.instance->id = row.id;
  }
  for (const Json& attempt : record.value("attempts", Json::array())) {
    row.attempts.push_back(attempt_from(attempt));
    row.attempts.back().run = row.run;
    row.attempts.back().instance = row.id;
  }
  if (record.contains("checkpoint")) row.checkpoint = checkpoint_from(record.at("checkpoint"));
  if (record.contains("decision")) {
    const Json& decision = record.at("decision");
    row.decision = {row.run, row.id, decision.at("branch").get<std::string>(), decision.at("inputs"),
                    decision.at("made").get<std::string>()};
  }
  if (record.contains("iteration")) {
    const Json& iteration = record.at("iteration");
    row.iteration = {row.run,
                     iteration.at("loop").get<std::string>(),
                     static_cast<int>(whole_number(iteration.at("number"))),
                     iteration.at("state"),
                     iteration.at("outcome").get<std::string>(),
                     iteration.at("made").get<std::string>()};
  }
}

}  // namespace

void SqliteLedger::put(const IterationRow& row) {
  const std::lock_guard lock(mutex_);
  db_.prepare(
         "INSERT INTO iterations VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (run, loop, number) DO UPDATE "
         "SET "
         "state = ?4, outcome = ?5, made = ?6")
      .bind(known_run(row.run))
      .bind(row.loop)
      .bind(std::int64_t{row.number})
      .bind(text_of(row.state))
      .bind(row.outcome)
      .bind(row.made)
      .step();
}

std::vector<IterationRow> SqliteLedger::iterations(const std::string& run) {
  const std::int64_t number = known_run(run);
  const std::lock_guard lock(mutex_);
  std::vector<IterationRow> rows;
  auto query = db_.prepare(
      "SELECT loop, number, state, outcome, made FROM iterations WHERE run = ? ORDER BY loop, number");
  query.bind(number);
  while (query.step()) {
    IterationRow& row = rows.emplace_back();
    row.run = run;
    row.loop = query.text();
    row.number = static_cast<int>(query.integer());
    row.state = json(query.text());
    row.outcome = query.text();
    row.made = query.text();
  }
  return rows;
}

// What has the id, removed and as JSON.
Json SqliteLedger::take_away(std::int64_t run, const std::string& id) {
  Json record = Json::object();
  {
    auto query = db_.prepare(
        "SELECT id, uses, kind, state, cause, key, started, ended, attempts, checkpoint, inputs, parameters, "
        "needs, key_rest FROM instances WHERE run = ? AND id = ?");
    query.bind(run).bind(id);
    if (query.step()) {
      const InstanceRow row = read_instance(query);
      record["instance"] = to_json(row);
      if (has_result(row.state)) {
        if (const auto checkpoint = find_checkpoint(row.key, row.checkpoint))
          record["checkpoint"] = to_json(*checkpoint);
      }
    }
  }
  {
    auto query = db_.prepare("SELECT * FROM attempts WHERE run = ? AND instance = ? ORDER BY number");
    query.bind(run).bind(id);
    while (query.step()) record["attempts"].push_back(to_json(read_attempt(query)));
  }
  {
    auto query = db_.prepare("SELECT id, branch, inputs, made FROM decisions WHERE run = ? AND id = ?");
    query.bind(run).bind(id);
    if (query.step()) {
      const DecisionRow row = read_decision(query);
      record["decision"] = {{"branch", row.branch}, {"inputs", row.inputs}, {"made", row.made}};
    }
  }
  {
    auto query = db_.prepare(
        "SELECT loop, number, state, outcome, made FROM iterations "
        "WHERE run = ? AND loop = ? AND number = ?");
    const std::size_t bracket = id.rfind('[');
    const std::string loop = id.substr(0, bracket == std::string::npos ? 0 : bracket);
    const std::string rest = bracket == std::string::npos ? "" : id.substr(bracket + 1);
    const bool counted = rest.size() > 1 && rest.size() < 10 && rest.back() == ']' &&
                         rest.find_first_not_of("0123456789") == rest.size() - 1;
    query.bind(run).bind(loop).bind(std::int64_t{counted ? std::stoi(rest) : 0});
    if (query.step()) {
      record["iteration"] = {{"loop", query.text()}};
      record["iteration"]["number"] = query.integer();
      record["iteration"]["state"] = json(query.text());
      record["iteration"]["outcome"] = query.text();
      record["iteration"]["made"] = query.text();
    }
  }
  if (record.contains("iteration")) {
    db_.prepare("DELETE FROM iterations WHERE run = ? AND loop = ? AND number = ?")
        .bind(run)
        .bind(record["iteration"]["loop"].get<std::string>())
        .bind(record["iteration"]["number"].get<std::int64_t>())
        .step();
  }
  db_.prepare("DELETE FROM decisions WHERE run = ? AND id = ?").bind(run).bind(id).step();
  db_.prepare("DELETE FROM attempts WHERE run = ? AND instance = ?").bind(run).bind(id).step();
  db_.prepare("DELETE FROM instances WHERE run = ? AND id = ?").bind(run).bind(id).step();
  return record;
}

void SqliteLedger::supersede(const std::string& run, const std::vector<std::string>& ids,
                             const std::set<std::string>& undo, const std::string& time,
                             const std::string& reason) {
  const std::int64_t number = known_run(run);
  const std::lock_guard lock(mutex_);
  sqlite::Savepoint all(db_);
  part(number);
  db_.prepare("DELETE FROM run_memos WHERE run = ?").bind(number).step();
  for (const std::string& id : ids) {
    const Json record = take_away(number, id);
    if (record.empty()) continue;
    const Json instance = record.value("instance", Json::object());
    db_.prepare(
           "INSERT INTO superseded (run, id, generation, key, attempts, record, time, reason, undo, serial) "
           "VALUES (?1, ?2, (SELECT COUNT(*) + 1 FROM superseded WHERE run = ?1 AND id = ?2), "
           "?3, ?4, ?5, ?6, ?7, ?8, MAX(IFNULL((SELECT MAX(serial) FROM checkpoints), 0), "
           "IFNULL((SELECT MAX(serial) FROM earlier_checkpoints), 0), "
           "IFNULL((SELECT MAX(serial) FROM superseded), 0)))")
        .bind(number)
        .bind(id)
        .bind(instance.value("key", ""))
        .bind(std::int64_t{instance.value("attempts", 0)})
        .bind(text_of(record))
        .bind(time)
        .bind(reason)
        .bind(undo.contains(id) ? "pending" : "")
        .step();
  }
  all.keep();
}

void SqliteLedger::set_undo(const std::string& run, const std::string& id, int generation,
                            const std::string& undo) {
  const std::lock_guard lock(mutex_);
  db_.prepare("UPDATE superseded SET undo = ? WHERE run = ? AND id = ? AND generation = ?")
      .bind(undo)
      .bind(known_run(run))
      .bind(id)
      .bind(std::int64_t{generation})
      .step();
}

std::map<std::string, SupersededMark> SqliteLedger::superseded(const std::string& run) {
  const std::int64_t number = known_run(run);
  const std::lock_guard lock(mutex_);
  std::map<std::string, SupersededMark> marks;
  auto query = db_.prepare(
      // With one MAX, the other columns are of the row that has it (sqlite.org/lang_select.html, "bare
      // columns").
      "SELECT id, time, serial, (SELECT MAX(attempts) FROM superseded AS all_of WHERE all_of.run = s.run AND "
      "all_of.id = s.id), MAX(generation) FROM superseded AS s WHERE run = ? GROUP BY id");
  query.bind(number);
  while (query.step()) {
    SupersededMark& mark = marks[query.text()];
    mark.time = query.text();
    mark.serial = query.integer();
    mark.attempts = static_cast<int>(query.integer());
    mark.generation = static_cast<int>(query.integer());
  }
  return marks;
}

std::vector<SupersededRow> SqliteLedger::superseded_rows(const std::string& run, bool pending_only) {
  const std::int64_t number = known_run(run);
  const std::lock_guard lock(mutex_);
  std::vector<SupersededRow> rows;
  auto query = pending_only ? db_.prepare(
                                  "SELECT id, generation, record, time, reason, undo FROM superseded "
                                  "WHERE run = ? AND undo = 'pending' ORDER BY position")
                            : db_.prepare(
                                  "SELECT id, generation, record, time, reason, undo FROM superseded "
                                  "WHERE run = ? ORDER BY position");
  query.bind(number);
  while (query.step()) {
    SupersededRow& row = rows.emplace_back();
    row.run = run;
    row.id = query.text();
    row.generation = static_cast<int>(query.integer());
    const Json record = json(query.text());
    row.time = query.text();
    row.reason = query.text();
    row.undo = query.text();
    try {
      fill_in(row, record);
    } catch (const Json::exception&) {
      damaged("the record of " + row.id + ", which was superseded");
    }
  }
  return rows;
}

std::vector<SupersededRow> SqliteLedger::history(const std::string& run) {
  return superseded_rows(run, false);
}

std::vector<SupersededRow> SqliteLedger::pending_undo(const std::string& run) {
  return superseded_rows(run, true);
}

void SqliteLedger::forget_run(const std::string& run) {
  const std::int64_t number = known_run(run);
  const std::lock_guard lock(mutex_);
  sqlite::Savepoint all(db_);
  hand_on(number);
  db_.prepare("DELETE FROM repeats WHERE run = ?").bind(number).step();
  db_.prepare("DELETE FROM attempts WHERE run = ?").bind(number).step();
  db_.prepare("DELETE FROM instances WHERE run = ?").bind(number).step();
  db_.prepare("DELETE FROM decisions WHERE run = ?").bind(number).step();
  db_.prepare("DELETE FROM iterations WHERE run = ?").bind(number).step();
  db_.prepare("DELETE FROM superseded WHERE run = ?").bind(number).step();
  db_.prepare("DELETE FROM run_memos WHERE run = ?").bind(number).step();
  db_.prepare("DELETE FROM runs WHERE number = ?").bind(number).step();
  all.keep();
}

}  // namespace presswork::store
