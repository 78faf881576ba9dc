#include "orchestrator/cli/find_instance.h"

#include <map>

#include "orchestrator/engine/instance_name.h"

namespace presswork::cli {

store::InstanceRow find_instance(Session& session, const std::string& run, const std::string& spelling) {
  std::map<std::string, store::InstanceRow> rows;
  std::vector<std::string> ids;
  const auto add = [&](store::InstanceRow row) {
    const std::string id = row.id;
    if (rows.emplace(id, std::move(row)).second) ids.push_back(id);
  };
  for (store::InstanceRow& row : session.ledger().instances(run)) add(std::move(row));
  std::vector<store::SupersededRow> history = session.ledger().history(run);
  for (auto row = history.rbegin(); row != history.rend(); ++row) {  // the last generation is meant
    if (!row->instance) continue;
    row->instance->state = "superseded";
    add(*std::move(row->instance));
  }
  return rows.at(engine::find_instance(spelling, ids, run));
}

}  // namespace presswork::cli
