#include <algorithm>
#include <csignal>
#include <map>
#include <set>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/base/hash.h"
#include "orchestrator/plugins/catalogue.h"
#include "orchestrator/plugins/description_cache.h"

namespace presswork::plugins {

namespace {

namespace fs = std::filesystem;
using base::Json;

constexpr std::size_t hosts_at_once = 4;
constexpr auto describe_timeout = std::chrono::seconds(30);

// A plugin file on its way through discovery.
struct Candidate {
  fs::path path;
  base::FileStatus status;
  std::string digest;
  Json document;  // null until it is known
  bool from_cache = false;
  std::optional<PluginProblem> problem;
};

// Every *.so of the directories, in their order and by name, links resolved, each once.
std::vector<fs::path> plugin_files(const std::vector<fs::path>& directories) {
  std::vector<fs::path> files;
  std::set<fs::path> seen;
  for (const fs::path& directory : directories) {
    std::error_code failed;
    const fs::path place = fs::canonical(directory, failed);
    if (failed || !fs::is_directory(place, failed)) continue;
    for (const std::string& name : base::real_file_system().list(place)) {
      fs::path file = place / name;
      if (file.extension() != ".so" || !fs::is_regular_file(file, failed)) continue;
      if (fs::is_symlink(file, failed)) file = fs::canonical(file, failed);
      if (!failed && seen.insert(file).second) files.push_back(file);
    }
  }
  return files;
}

Candidate look_up(const fs::path& path, const DescriptionCache& cache) {
  Candidate candidate;
  candidate.path = path;
  try {
    const auto status = base::real_file_system().status(path);
    if (!status) throw base::system_error("find", path.native(), ENOENT);
    candidate.status = *status;
    if (auto known = cache.find(path, *status)) {
      candidate.digest = std::move(known->digest);
      candidate.document = std::move(known->document);
      candidate.from_cache = true;
    } else {
      candidate.digest = base::sha256_file(path);
    }
  } catch (const base::Error& error) {
    candidate.problem = PluginProblem{path, "unreadable", error.message, error.hint};
  }
  return candidate;
}

executor::StageRequest describe_request(const fs::path& plugin, std::uint64_t token) {
  executor::StageRequest request;
  request.token = token;
  request.verb = executor::Verb::describe;
  request.plugin = plugin;
  request.nonce = executor::random_id();
  request.attempt = executor::random_id();
  request.timeout = describe_timeout;
  request.grace = std::chrono::seconds(1);
  return request;
}

void take_outcome(Candidate& candidate, executor::Outcome outcome) {
  if (outcome.ending == executor::Ending::succeeded) {
    candidate.document = std::move(outcome.document);
  } else {
    candidate.problem = PluginProblem{candidate.path, outcome.code, outcome.message, outcome.hint};
  }
}

// Asks those that are not known, a few at a time.
std::size_t ask(std::vector<Candidate>& candidates, executor::Executor& executor) {
  std::vector<std::size_t> waiting;  // indices, last first
  for (std::size_t i = candidates.size(); i-- > 0;) {
    if (candidates[i].document.is_null() && !candidates[i].problem) waiting.push_back(i);
  }
  const std::size_t asked = waiting.size();
  std::set<std::size_t> killed;  // once; they are asked again
  for (std::size_t open = 0; open > 0 || !waiting.empty();) {
    while (open < hosts_at_once && !waiting.empty()) {
      executor.start(describe_request(candidates[waiting.back()].path, waiting.back()));
      waiting.pop_back();
      ++open;
    }
    for (auto& news : executor.poll(std::chrono::milliseconds(-1))) {
      auto* outcome = std::get_if<executor::Outcome>(&news);
      if (outcome == nullptr) continue;
      const std::size_t index = outcome->token;
      // Somebody else ended it, the kernel for want of memory say: that tells nothing about the plugin.
      const bool died = outcome->signal == SIGKILL && outcome->ending != executor::Ending::timed_out;
      if (died && killed.insert(index).second) {
        executor.start(describe_request(candidates[index].path, index));
        continue;
      }
      take_outcome(candidates.at(index), std::move(*outcome));
      --open;
    }
  }
  return asked;
}

std::vector<StageDescription> read_stages(const Candidate& candidate) {
  std::vector<StageDescription> stages;
  for (const Json& document : candidate.document.at("stages")) {
    stages.push_back(candidate.from_cache ? read_stage_description(document)
                                          : parse_stage_description(document));
    stages.back().plugin = candidate.path;
    stages.back().plugin_digest = candidate.digest;
    stages.back().plugin_name = candidate.document.at("name");
    stages.back().plugin_version = candidate.document.at("version");
  }
  return stages;
}

PluginInfo info_of(const Candidate& candidate, const std::vector<StageDescription>& stages) {
  PluginInfo info;
  info.path = candidate.path;
  info.digest = candidate.digest;
  info.name = candidate.document.at("name");
  info.version = candidate.document.at("version");
  const Json& abi = candidate.document.at("abi");
  info.abi = std::to_string(abi.at(0).get<int>()) + "." + std::to_string(abi.at(1).get<int>());
  for (const StageDescription& stage : stages) info.stages.push_back(stage.id);
  return info;
}

// Gathers usable stages; the first plugin that offers a stage keeps it.
class Gathering {
 public:
  void add(const Candidate& candidate, Discovery& discovery) {
    std::vector<StageDescription> stages = read_stages(candidate);
    discovery.plugins.push_back(info_of(candidate, stages));
    for (StageDescription& stage : stages) {
      const auto [owner, first] = owners_.try_emplace(stage.id, candidate.path);
      if (first) {
        stages_.push_back(std::move(stage));
        continue;
      }
      discovery.problems.push_back({candidate.path, "duplicate_stage",
                                    "the stage " + stage.id + " of " + candidate.path.native() +
                                        " is hidden by the one of " + owner->second.native(),
                                    "remove one of the two, or put its folder first in the plugin path"});
    }
  }
  std::vector<StageDescription> take() { return std::move(stages_); }

 private:
  std::vector<StageDescription> stages_;
  std::map<std::string, fs::path> owners_;
};

// A plugin that is being rebuilt while we look must not be remembered under the wrong identity.
bool unchanged(const Candidate& candidate) {
  const auto now = base::real_file_system().status(candidate.path);
  return now && now->size == candidate.status.size && now->mtime_ns == candidate.status.mtime_ns &&
         now->inode == candidate.status.inode;
}

}  // namespace

Json identities(const std::vector<fs::path>& directories) {
  Json files = Json::array();
  for (const fs::path& path : plugin_files(directories)) {
    const auto status = base::real_file_system().status(path);
    files.push_back({path.native(), status ? identity(*status) : Json()});
  }
  return files;
}

Discovery discover(const std::vector<fs::path>& directories, const fs::path& cache_file,
                   executor::Executor& executor) {
  DescriptionCache cache(cache_file);
  std::vector<Candidate> candidates;
  for (const fs::path& path : plugin_files(directories)) candidates.push_back(look_up(path, cache));
  Discovery discovery;
  discovery.described = ask(candidates, executor);

  Gathering gathering;
  for (Candidate& candidate : candidates) {
    if (!candidate.problem) {
      try {
        gathering.add(candidate, discovery);
        if (!candidate.from_cache && unchanged(candidate)) {
          cache.put(candidate.path, candidate.status, {candidate.digest, candidate.document});
        }
      } catch (const base::Error& error) {
        candidate.problem = PluginProblem{candidate.path, "invalid_description", error.message, error.hint};
      } catch (const Json::exception& error) {
        candidate.problem = PluginProblem{candidate.path, "invalid_description", error.what(), ""};
      }
    }
    if (candidate.problem) discovery.problems.push_back(std::move(*candidate.problem));
  }
  cache.save();
  discovery.descriptions = std::move(cache);
  discovery.catalogue = make_catalogue(gathering.take());
  return discovery;
}

}  // namespace presswork::plugins
