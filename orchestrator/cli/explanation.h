// All that ledger and journal know of one instance.
#pragma once

#include "orchestrator/cli/session.h"

namespace presswork::cli {

// {run, workflow, id, uses, kind, state, why, cause, started, ended, seconds?, peak_memory_bytes?, needs,
// inputs, with, key: {key, parts, confirmed, note}, decision?, iterations, attempts, outputs, metrics}
base::Json explanation_of(Session& session, const store::RunRow& run, store::InstanceRow row);

}  // namespace presswork::cli
