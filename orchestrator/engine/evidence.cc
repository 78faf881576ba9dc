#include "orchestrator/engine/evidence.h"

#include <algorithm>
#include <set>

#include "orchestrator/base/error.h"
#include "orchestrator/store/approvals.h"

namespace presswork::engine {

using base::Json;

namespace {

constexpr std::uint64_t kLargestFile = 64u << 20;

Json files_of(const Json& facts, store::ArtifactStore& artifacts) {
  Json files = Json::object();
  for (const Json& instance : facts.at("instances")) {
    for (const Json& output : instance.value("outputs", Json::object())) {
      const std::string digest = output.at("digest");
      if (files.contains(digest)) continue;
      try {
        const store::Manifest manifest = artifacts.manifest(digest);
        if (manifest.directory || manifest.bytes() > kLargestFile) continue;
        files[digest] = artifacts.locate(digest).string();
      } catch (const base::Error&) {
        continue;  // changed or removed since; the report says that it was not there
      }
    }
  }
  return files;
}

std::set<std::string> digests_of(const Json& facts) {
  std::set<std::string> digests;
  for (const Json& instance : facts.at("instances")) {
    for (const Json& output : instance.value("outputs", Json::object()))
      digests.insert(output.at("digest").get<std::string>());
  }
  return digests;
}

}  // namespace

Json with_approvals(Json facts, const std::filesystem::path& ledger) {
  const std::set<std::string> known = digests_of(facts);
  Json list = Json::array();
  for (const store::ApprovalRow& row : store::Approvals(ledger).all()) {
    const bool about = !row.digests.empty() &&
                       std::all_of(row.digests.begin(), row.digests.end(),
                                   [&](const std::string& digest) { return known.contains(digest); });
    if (!about) continue;
    list.push_back({{"item", row.item},
                    {"by", row.person},
                    {"note", row.note},
                    {"made", row.made},
                    {"digests", row.digests}});
  }
  if (!list.empty()) facts["approvals"] = std::move(list);
  return facts;
}

Json with_evidence(Json facts, store::Ledger& ledger, const std::string& run,
                   store::ArtifactStore& artifacts) {
  std::set<std::string> told;
  for (const Json& instance : facts.at("instances")) told.insert(instance.at("id").get<std::string>());
  Json evidence = {{"run", run}, {"times", Json::object()}, {"keys", Json::object()}};
  if (const auto row = ledger.run(run)) {
    evidence["started"] = row->started;
    evidence["ended"] = row->ended;
    evidence["workflow_file"] = row->plan.value("file", "");
  }
  for (const store::InstanceRow& row : ledger.instances(run)) {
    if (!told.contains(row.id)) continue;
    evidence["times"][row.id] = {
        {"started", row.started}, {"ended", row.ended}, {"cached", row.state == "cached"}};
    if (!row.key_rest.is_object()) continue;
    evidence["keys"][row.id] = {{"key", row.key},
                                {"plugin", row.key_rest.value("plugin", "")},
                                {"device", row.key_rest.value("device", "")},
                                {"seed", row.key_rest.value("seed", Json())}};
  }
  evidence["files"] = files_of(facts, artifacts);
  facts["evidence"] = std::move(evidence);
  return facts;
}

}  // namespace presswork::engine
