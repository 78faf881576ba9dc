// Between rows and columns: what the files of the ledger share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "orchestrator/store/ledger.h"
#include "orchestrator/store/sqlite.h"

namespace presswork::store {

// The number of run "r12" is 12; nothing when the text is not such an id.
std::optional<std::int64_t> run_number(const std::string& id);
std::int64_t known_run(const std::string& id);  // throws Error{not_found}
std::string run_id(std::int64_t number);

[[noreturn]] void damaged(const std::string& what);

base::Json json(const std::string& text);           // throws Error{corrupt}
std::string text_of(const base::Json& value);       // canonical; throws Error{invalid_input}
std::vector<std::string> words(const base::Json&);  // of a list of texts; throws Error{corrupt}

std::string kind_of(const InstanceRow& row);

base::Json to_json(const std::map<std::string, OutputRow>& outputs);
std::map<std::string, OutputRow> outputs_from(const base::Json& json);  // throws Error{corrupt}

// Each reads the next columns, in the order of the members. What says `run` in the row stays empty, but for
// runs and attempts.
RunRow read_run(sqlite::Statement& row);
InstanceBrief read_brief(sqlite::Statement& row);
InstanceRow read_instance(sqlite::Statement& row);  // a brief, then inputs, parameters, needs
AttemptRow read_attempt(sqlite::Statement& row);
CheckpointRow read_checkpoint(sqlite::Statement& row);
DecisionRow read_decision(sqlite::Statement& row);

}  // namespace presswork::store
