#include "orchestrator/cli/explanation.h"

#include <algorithm>
#include <map>

#include "orchestrator/base/error.h"
#include "orchestrator/engine/cache_key.h"
#include "orchestrator/engine/instance.h"
#include "orchestrator/engine/instance_name.h"
#include "orchestrator/report/event_fields.h"
#include "orchestrator/report/instance_id.h"
#include "orchestrator/report/journal.h"
#include "orchestrator/report/moment.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::cli {

namespace {

using base::Json;

// The workflow as the run recorded it; nothing when this version cannot read it.
std::optional<workflow::Workflow> workflow_of(const store::RunRow& run) {
  try {
    return workflow::parse(report::text_of(run.plan, "text"), report::text_of(run.plan, "file"));
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

// The node of an instance, in the bodies of the loops that it is in.
const workflow::Node* node_at(const workflow::Workflow& workflow, const std::string& instance) {
  const std::string path = report::node_of(instance);
  const workflow::Scope* scope = &workflow;
  for (std::size_t at = 0;;) {
    const std::size_t slash = path.find('/', at);
    const workflow::Node* node = scope->find(path.substr(at, slash - at));
    if (node == nullptr || slash == std::string::npos) return node;
    if (node->loop() == nullptr) return nullptr;
    scope = node->loop()->body.get();
    at = slash + 1;
  }
}

// What the run said when it came to the instance. Its journal may be gone.
std::string said_why(Session& session, const store::RunRow& run, const store::InstanceRow& row) {
  std::string why;
  report::JournalReader reader(session.workspace().root / "runs" / run.id);
  for (const report::JournalLine& line : reader.read()) {
    if (report::text_of(line.event, "instance") != row.id) continue;
    const std::string kind = report::text_of(line.event, "kind");
    if (kind == "stage_started") why = report::text_of(line.event, "why");
    if (kind == "stage_cached") why.clear();
  }
  return why;
}

// Not begun, or begun and to be done again: after a stop, or between two attempts.
std::string why_pending(Session& session, const store::RunRow& run, const store::InstanceRow& row) {
  std::string why = row.cause.empty() ? "the run has not come to it" : row.cause;
  for (const store::AttemptRow& attempt : session.ledger().attempts(run.id)) {
    if (attempt.instance == row.id)
      why = "it is to run again: attempt " + std::to_string(attempt.number) + " ended as " + attempt.outcome;
  }
  return why;
}

std::string why_of(Session& session, const store::RunRow& run, const store::InstanceRow& row,
                   const std::optional<store::CheckpointRow>& checkpoint) {
  if (row.state == "skipped" || row.state == "failed" || row.state == "timed_out") return row.cause;
  if (row.state == "cached") {
    if (!checkpoint) return "the cache had a result of its key, which is gone by now";
    return "the cache has a result of its key: " + checkpoint->instance + " of " + checkpoint->run +
           " made it at " + checkpoint->created;
  }
  if (row.state == "pending") return why_pending(session, run, row);
  const std::string why = said_why(session, run, row);
  const std::string end = row.state == "interrupted" ? ", when the run's process died" : "";
  return why.empty() ? "" : "it ran, for " + why + end;
}

// The files that path parameters name. Only what is known without reading much; throws when it is more.
Json path_digests(Session& session, const plugins::StageDescription& stage, const Json& with) {
  Json digests = Json::object();
  std::uint64_t read = 0;
  const auto no_more_than = [&read](std::uint64_t bytes) {
    read += bytes;
    if (read > (64u << 20)) throw base::Error(base::ErrorCode::cancelled, "large files have changed since");
  };
  for (const std::string& name : engine::input_path_parameters(stage, with)) {
    digests[name] = session.artifacts().digest_of(with.at(name).get<std::string>(), session.ledger(), false,
                                                  no_more_than);
  }
  return digests;
}

// The ledger has the key, its parameters and its inputs. The other parts are those of today: if the key comes
// out, they were the same then.
Json key_of(Session& session, const store::RunRow& run, const store::InstanceRow& row) {
  if (row.key.empty()) return nullptr;
  Json key = {{"key", row.key}, {"parts", Json()}, {"confirmed", false}, {"note", ""}};
  const plugins::StageDescription* stage = session.catalogue().find(row.uses);
  if (stage == nullptr) {
    key["note"] = "no plugin offers " + row.uses + " today, so the other parts are not known";
    return key;
  }
  engine::KeyParts parts;
  parts.stage = row.uses;
  parts.plugin_digest = stage->plugin_digest;
  parts.with = row.with;
  parts.inputs = Json::object();
  for (const auto& [name, input] : row.inputs.items()) parts.inputs[name] = report::value_of(input, "digest");
  parts.salt = report::text_of(report::value_of(run.plan, "options"), "salt");
  if (const auto workflow = workflow_of(run)) {
    const workflow::Node* node = node_at(*workflow, row.id);
    if (node != nullptr && node->stage() != nullptr) parts.seed = node->stage()->seed;
  }
  try {
    parts.path_digests = path_digests(session, *stage, row.with);
  } catch (const base::Error& error) {
    key["note"] = "a file that it names cannot be compared: " + error.message;
    parts.path_digests = Json::object();
  }
  key["parts"] = parts.document();
  key["confirmed"] = parts.key() == row.key;
  if (parts.key() == row.key || !key["note"].get<std::string>().empty()) return key;
  key["note"] = stage->reads_run ? "it reads the run, so what the run had come to is part of the key too"
                                 : "not the key of then: plugin, device, seed or a file has changed since";
  return key;
}

Json inputs_of(Session& session, const store::RunRow& run, const store::InstanceRow& row) {
  Json inputs = Json::object();
  if (!row.inputs.is_object()) return inputs;
  const std::vector<store::InstanceBrief> briefs = session.ledger().instance_briefs(run.id);
  for (const auto& [name, input] : row.inputs.items()) {
    inputs[name] = input;
    const std::string by = report::text_of(input, "instance");
    if (by.empty() || !input.is_object()) continue;
    for (const store::InstanceBrief& other : briefs) {
      if (other.id != by || other.key.empty()) continue;
      const auto made = session.ledger().checkpoint(other.key, other.checkpoint);
      if (made && made->run != run.id) inputs[name]["made_in"] = made->run;
    }
  }
  return inputs;
}

Json decision_json(const store::RunRow& run, const store::DecisionRow& row) {
  Json json = {{"branch", row.branch}, {"inputs", row.inputs}, {"made", row.made}, {"cases", Json::array()}};
  const auto workflow = workflow_of(run);
  const workflow::Node* node = workflow ? node_at(*workflow, row.id) : nullptr;
  if (node == nullptr) return json;
  if (const workflow::Decision* decision = node->decision()) {
    for (const workflow::Case& one : decision->cases) {
      json["cases"].push_back({{"when", one.when ? one.when->text() : ""},
                               {"then", one.then},
                               {"taken", one.then == row.branch}});
    }
  }
  if (const workflow::Select* select = node->select()) {
    const workflow::Choice& choice = select->choice;
    json["where"] = choice.where ? choice.where->text() : "";
    json["objective"] = choice.objective ? choice.objective->text() : "";
    json["maximize"] = choice.maximize;
  }
  return json;
}

using Decisions = std::map<std::string, store::DecisionRow>;  // by id

// Each with the way that the loop went after it, and the values that it was decided by.
Json iterations_of(Session& session, const store::RunRow& run, const std::string& loop,
                   const Decisions& decisions) {
  Json list = Json::array();
  for (const store::IterationRow& row : session.ledger().iterations(run.id)) {
    if (row.loop != loop) continue;
    const auto decision = decisions.find(engine::iteration_id(loop, row.number));
    const bool decided = decision != decisions.end();
    Json inputs = decided ? decision->second.inputs : Json();
    if (inputs.is_object()) inputs.erase("case");  // which case it was is the engine's to know
    list.push_back({{"number", row.number},
                    {"state", report::value_of(row.state, "values")},
                    {"artifacts", report::value_of(row.state, "artifacts")},
                    {"outcome", decided ? decision->second.branch : row.outcome},
                    {"inputs", std::move(inputs)}});
  }
  return list;
}

Json attempts_of(Session& session, const store::RunRow& run, const std::string& id) {
  Json list = Json::array();
  const std::string now = base::to_utc_string(session.clock().now());
  for (const store::AttemptRow& row : session.ledger().attempts(run.id)) {
    if (row.instance != id) continue;
    const bool died = row.outcome.empty() && run.state != "running";  // at a time that nobody knows
    const auto seconds = report::seconds_between(row.started, row.ended.empty() ? now : row.ended);
    list.push_back({{"number", row.number},
                    {"outcome", died ? "interrupted" : row.outcome},
                    {"code", row.code},
                    {"message", row.message},
                    {"where", row.where},
                    {"hint", row.hint},
                    {"started", row.started},
                    {"ended", row.ended},
                    {"seconds", seconds && !died ? Json(*seconds) : Json()},
                    {"log", row.log}});
  }
  return list;
}

Json needs_of(Session& session, const store::RunRow& run, const store::InstanceRow& row) {
  Json list = Json::array();
  std::map<std::string, std::string> states;
  for (const store::InstanceBrief& brief : session.ledger().instance_briefs(run.id))
    states[brief.id] = brief.state;
  for (const std::string& need : row.needs) {
    const auto it = states.find(need);
    list.push_back({{"id", need}, {"state", it == states.end() ? "pending" : state_now(run, it->second)}});
  }
  return list;
}

void add_checkpoint(Json& json, Session& session, const store::CheckpointRow& checkpoint) {
  json["seconds"] = checkpoint.seconds;
  json["cpu_seconds"] = checkpoint.cpu_seconds;
  json["peak_memory_bytes"] = checkpoint.peak_memory_bytes;
  json["metrics"] = checkpoint.metrics;
  json["made_by"] = {
      {"run", checkpoint.run}, {"instance", checkpoint.instance}, {"created", checkpoint.created}};
  for (const auto& [name, output] : checkpoint.outputs) {
    json["outputs"][name] = {{"type", output.type}, {"digest", output.digest}};
    try {
      json["outputs"][name]["path"] = session.artifacts().locate(output.digest).string();
    } catch (const base::Error& error) {
      json["outputs"][name]["problem"] = error.message;
    }
  }
}

// A loop and a selection have no work of their own: what they offer, others made.
void pass_on(Json& json, const store::InstanceRow& row) {
  json["metrics"] = report::value_of(row.with, "metrics");
  json["with"] = report::value_of(row.with, row.kind == "loop" ? "state" : "matrix");
  json["inputs"] = Json::object();
  json["outputs"] = row.inputs;
}

}  // namespace

Json explanation_of(Session& session, const store::RunRow& run, store::InstanceRow row) {
  row.state = state_now(run, row.state);
  const auto checkpoint = row.key.empty() || row.uses.empty()
                              ? std::nullopt
                              : session.ledger().checkpoint(row.key, row.checkpoint);
  const bool good = store::has_result(row.state);
  Decisions decisions;
  for (store::DecisionRow& decision : session.ledger().decisions(run.id)) {
    decisions.emplace(decision.id, std::move(decision));
  }
  Json json = {{"run", run.id},
               {"workflow", run.workflow},
               {"id", row.id},
               {"uses", row.uses},
               {"kind", row.kind},
               {"state", row.state},
               {"cause", row.cause},
               {"why", why_of(session, run, row, checkpoint)},
               {"started", row.started},
               {"ended", row.ended},
               {"needs", needs_of(session, run, row)},
               {"inputs", inputs_of(session, run, row)},
               {"with", row.with},
               {"key", key_of(session, run, row)},
               {"attempts", attempts_of(session, run, row.id)},
               {"iterations", iterations_of(session, run, row.id, decisions)},
               {"outputs", Json::object()},
               {"metrics", Json::object()}};
  if (good && checkpoint) add_checkpoint(json, session, *checkpoint);
  if (row.kind == "loop" || row.kind == "select") pass_on(json, row);
  if (const auto decision = decisions.find(row.id); decision != decisions.end()) {
    json["decision"] = decision_json(run, decision->second);
  }
  return json;
}

}  // namespace presswork::cli
