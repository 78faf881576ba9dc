#include "orchestrator/store/ledger_values.h"

#include <charconv>

#include "orchestrator/base/error.h"

namespace presswork::store {

using base::Error;
using base::ErrorCode;
using base::Json;
using sqlite::Statement;

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
  if (text == "{}") return Json::object();  // most of the rows have some
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

std::vector<std::string> words(const Json& list) {
  std::vector<std::string> words;
  if (!list.is_array()) damaged("a list was expected");
  for (const Json& word : list) {
    if (!word.is_string()) damaged("a list of texts was expected");
    words.push_back(word.get<std::string>());
  }
  return words;
}

std::string kind_of(const InstanceRow& row) {
  if (!row.kind.empty()) return row.kind;
  return row.uses.empty() ? "decision" : "stage";
}

InstanceBrief read_brief(Statement& row) {
  InstanceBrief brief;
  brief.id = row.text();
  brief.uses = row.text();
  brief.kind = row.text();
  brief.state = row.text();
  brief.cause = row.text();
  brief.key = row.text();
  brief.started = row.text();
  brief.ended = row.text();
  brief.attempts = static_cast<int>(row.integer());
  brief.checkpoint = row.integer();
  return brief;
}

InstanceRow read_instance(Statement& row) {
  InstanceBrief brief = read_brief(row);
  InstanceRow instance;
  instance.id = std::move(brief.id);
  instance.uses = std::move(brief.uses);
  instance.kind = std::move(brief.kind);
  instance.state = std::move(brief.state);
  instance.cause = std::move(brief.cause);
  instance.key = std::move(brief.key);
  instance.started = std::move(brief.started);
  instance.ended = std::move(brief.ended);
  instance.attempts = brief.attempts;
  instance.checkpoint = brief.checkpoint;
  instance.inputs = json(row.text());
  instance.with = json(row.text());
  instance.needs = words(json(row.text()));
  instance.key_rest = json(row.text());
  return instance;
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

Json to_json(const std::map<std::string, OutputRow>& outputs) {
  Json json = Json::object();
  for (const auto& [name, output] : outputs) json[name] = {{"type", output.type}, {"digest", output.digest}};
  return json;
}

std::map<std::string, OutputRow> outputs_from(const Json& json) {
  if (!json.is_object()) damaged("outputs of a checkpoint");
  std::map<std::string, OutputRow> outputs;
  for (const auto& [name, output] : json.items()) {
    if (!output.is_object()) damaged("output " + name);
    const auto type = output.find("type"), digest = output.find("digest");
    if (type == output.end() || !type->is_string() || digest == output.end() || !digest->is_string())
      damaged("output " + name);
    outputs[name] = {type->get<std::string>(), digest->get<std::string>()};
  }
  return outputs;
}

CheckpointRow read_checkpoint(Statement& row) {
  CheckpointRow checkpoint;
  checkpoint.key = row.text();
  checkpoint.uses = row.text();
  checkpoint.outputs = outputs_from(json(row.text()));
  checkpoint.metrics = json(row.text());
  checkpoint.seconds = row.real();
  checkpoint.cpu_seconds = row.real();
  checkpoint.peak_memory_bytes = static_cast<std::uint64_t>(row.integer());
  checkpoint.run = row.text();
  checkpoint.instance = row.text();
  checkpoint.created = row.text();
  checkpoint.serial = row.integer();
  return checkpoint;
}

DecisionRow read_decision(Statement& row) {
  DecisionRow decision;
  decision.id = row.text();
  decision.branch = row.text();
  decision.inputs = json(row.text());
  decision.made = row.text();
  return decision;
}

}  // namespace presswork::store
