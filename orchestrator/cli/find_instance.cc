#include "orchestrator/cli/find_instance.h"

#include "orchestrator/base/error.h"
#include "orchestrator/report/instance_id.h"

namespace presswork::cli {

store::InstanceRow find_instance(Session& session, const std::string& run, const std::string& id) {
  std::vector<std::string> ids, same_node;
  std::optional<store::InstanceRow> last;  // that a rollback superseded
  for (store::InstanceRow& row : session.ledger().instances(run)) {
    if (row.id == id) return row;
    if (report::node_of(row.id) == id) same_node.push_back(row.id);
    ids.push_back(row.id);
  }
  for (const store::SupersededRow& row : session.ledger().history(run)) {
    if (row.id == id && row.instance) last = row.instance;
  }
  if (last) {
    last->state = "superseded";
    return *last;
  }
  std::string hint = "list its stages with `presswork status " + run + " --all`";
  if (!same_node.empty()) {
    hint =
        "it has " + std::to_string(same_node.size()) + " instances; the last is \"" + same_node.back() + "\"";
  } else if (const std::string near = base::nearest(id, ids); !near.empty()) {
    hint = "did you mean " + near + "?";
  }
  throw base::Error(base::ErrorCode::not_found, run + " has no stage " + id, hint);
}

}  // namespace presswork::cli
