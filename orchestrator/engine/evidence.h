// What a report needs to know of a run beyond its facts: when things happened, and where the artifacts lie.
// It differs from one execution of the same work to the next, and so is no part of any cache key.
#pragma once

#include <filesystem>
#include <string>

#include "orchestrator/base/json.h"
#include "orchestrator/store/artifact_store.h"
#include "orchestrator/store/ledger.h"

namespace presswork::engine {

// `facts` with "evidence": {"run", "workflow_file", "started", "ended", "times": {instance: {"started",
// "ended", "cached"}}, "keys": {instance: {"key", "plugin", "device", "seed"}}, "files": {digest: path}}.
// Only single files of at most 64 MiB are named; what can no longer be read is left out.
base::Json with_evidence(base::Json facts, store::Ledger& ledger, const std::string& run,
                         store::ArtifactStore& artifacts);

// `facts` with "approvals", if there are any that are about artifacts of these facts: [{"item", "by", "note",
// "made", "digests"}]. They belong to the key: a stage that waits for one runs again when it was given.
base::Json with_approvals(base::Json facts, const std::filesystem::path& ledger);

}  // namespace presswork::engine
