#include "orchestrator/store/inspection.h"

#include <algorithm>

#include "orchestrator/base/error.h"
#include "orchestrator/store/retention.h"

namespace presswork::store {

namespace {

using base::Error;
using base::ErrorCode;

// Nothing when it is damaged itself.
std::vector<FileEntry> files_of(const ArtifactStore& artifacts, const std::string& digest) {
  try {
    return artifacts.manifest(digest).files;
  } catch (const Error& error) {
    if (error.code != ErrorCode::not_found && error.code != ErrorCode::corrupt) throw;
    return {};
  }
}

class Inspector {
 public:
  Inspector(const ArtifactStore& artifacts, const ByteProgress& progress)
      : artifacts_(artifacts), progress_(progress) {}

  void look_at(const std::string& digest) {
    for (Damage& damage : artifacts_.verify(digest, true, progress_, &known_)) {
      const auto [at, fresh] =
          found_.emplace(std::pair(damage.digest, damage.problem), inspection.findings.size());
      if (fresh) inspection.findings.push_back({std::move(damage), {}, false});
      auto& having = inspection.findings[at->second].artifacts;
      if (having.empty() || having.back() != digest) having.push_back(digest);
    }
  }

  // Others that have a file which turned out damaged.
  std::vector<std::string> sharers(const std::set<std::string>& looked_at) const {
    std::vector<std::string> sharers;
    std::set<std::string> damaged;
    for (const Finding& finding : inspection.findings) {
      if (!finding.damage.tree) damaged.insert(finding.damage.digest);
    }
    if (damaged.empty()) return sharers;
    for (const std::string& digest : artifacts_.artifacts()) {
      if (looked_at.contains(digest)) continue;
      const std::vector<FileEntry> files = files_of(artifacts_, digest);
      if (std::any_of(files.begin(), files.end(),
                      [&](const FileEntry& file) { return damaged.contains(file.sha256); })) {
        sharers.push_back(digest);
      }
    }
    return sharers;
  }

  Inspection inspection;

 private:
  const ArtifactStore& artifacts_;
  const ByteProgress& progress_;
  KnownObjects known_;
  std::map<std::pair<std::string, std::string>, std::size_t> found_;  // findings by object and problem
};

// A second look: what could not be read once may be readable again, and took hours to make.
bool is_lost(const ArtifactStore& artifacts, const std::string& digest) {
  const std::vector<Damage> damage = artifacts.verify(digest, true);
  return std::any_of(damage.begin(), damage.end(), [](const Damage& one) { return !one.tree; });
}

}  // namespace

std::vector<CheckpointId> checkpoints_with(Ledger& ledger, const std::set<std::string>& artifacts) {
  std::vector<CheckpointId> found;
  for (const CheckpointRow& row : ledger.checkpoints()) {
    if (std::any_of(row.outputs.begin(), row.outputs.end(),
                    [&](const auto& output) { return artifacts.contains(output.second.digest); })) {
      found.push_back(id_of(row));
    }
  }
  return found;
}

void add_makers(Makers& makers, Ledger& ledger, const fs::path& workspace) {
  std::map<CheckpointId, std::vector<std::string>> users;  // runs
  for (const RunRow& run : ledger.runs()) {
    for (const auto& [instance, checkpoint] : ledger.instances_with_checkpoints(run.id)) {
      if (!checkpoint) continue;
      auto& runs = users[id_of(*checkpoint)];
      if (runs.empty() || runs.back() != run.id) runs.push_back(run.id);
    }
  }
  for (const CheckpointRow& row : ledger.checkpoints()) {
    for (const auto& [name, output] : row.outputs) {
      makers.emplace(output.digest,
                     Maker{workspace, row.run, row.instance, row.uses, name, users[id_of(row)]});
    }
  }
}

std::uint64_t bytes_to_inspect(const ArtifactStore& artifacts, const std::set<std::string>& digests) {
  std::set<std::string> seen;
  std::uint64_t bytes = 0;
  for (const std::string& digest : digests) {
    for (const FileEntry& file : files_of(artifacts, digest)) {
      if (seen.insert(file.sha256).second) bytes += file.size;
    }
  }
  return bytes;
}

Inspection inspect(const ArtifactStore& artifacts, const std::set<std::string>& digests,
                   const ByteProgress& progress) {
  Inspector inspector(artifacts, progress);
  for (const std::string& digest : digests) inspector.look_at(digest);
  for (const std::string& digest : inspector.sharers(digests)) inspector.look_at(digest);
  inspector.inspection.artifacts = digests.size();
  return std::move(inspector.inspection);
}

void repair(Inspection& inspection, ArtifactStore& artifacts, const std::vector<Ledger*>& ledgers) {
  std::set<std::string> lost;
  for (const Finding& finding : inspection.findings) {
    if (!finding.damage.tree) lost.insert(finding.artifacts.begin(), finding.artifacts.end());
  }
  std::erase_if(lost, [&](const std::string& digest) { return !is_lost(artifacts, digest); });
  if (!lost.empty()) {
    for (Ledger* ledger : ledgers) forget(*ledger, {{}, checkpoints_with(*ledger, lost)});
  }
  for (const std::string& digest : lost) artifacts.discard(digest);
  for (Finding& finding : inspection.findings) {
    for (const std::string& digest : finding.artifacts) {
      if (!finding.damage.tree || lost.contains(digest)) continue;
      artifacts.discard_tree(digest);
      artifacts.locate(digest);
    }
    finding.repaired = true;
  }
}

}  // namespace presswork::store
