// What is damaged in a store, whose results have it, and mending it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/store/artifact_store.h"
#include "orchestrator/store/ledger.h"

namespace presswork::store {

// Who made an artifact, and so can make it again.
struct Maker {
  fs::path workspace;  // as given to add_makers()
  std::string run, instance, uses, output;
  std::vector<std::string> used_by;  // runs whose instances stand for the same result, newest first
};
using Makers = std::multimap<std::string, Maker>;  // by artifact

void add_makers(Makers& makers, Ledger& ledger, const fs::path& workspace);

struct Finding {
  Damage damage;
  std::vector<std::string> artifacts;  // that have it, whether they were asked for or not
  bool repaired = false;
};

struct Inspection {
  std::size_t artifacts = 0;
  std::vector<Finding> findings;  // one for an object, however many artifacts have it
};

// Hashes every file of these artifacts.
Inspection inspect(const ArtifactStore& artifacts, const std::set<std::string>& digests,
                   const ByteProgress& progress = {});

// How many bytes inspect() will read.
std::uint64_t bytes_to_inspect(const ArtifactStore& artifacts, const std::set<std::string>& digests);

// The checkpoints that have one of these artifacts.
std::vector<CheckpointId> checkpoints_with(Ledger& ledger, const std::set<std::string>& artifacts);

// Makes damaged trees anew. Other damage means that an artifact is lost: its checkpoints are forgotten in all
// of the ledgers, and then it is discarded, so that its stage makes it anew. In this order: what cuts the
// repair off leaves no checkpoint without its artifact, but damage that nobody names, which the next
// inspection finds. The caller holds the store for itself (StoreLock).
void repair(Inspection& inspection, ArtifactStore& artifacts, const std::vector<Ledger*>& ledgers);

}  // namespace presswork::store
