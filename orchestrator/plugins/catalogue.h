// The stages that the plugins offer. The orchestrator never loads a plugin: a host process describes it, and
// the descriptions are cached.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "orchestrator/executor/executor.h"
#include "orchestrator/plugins/description_cache.h"
#include "orchestrator/plugins/stage_description.h"

namespace presswork::plugins {

class Catalogue {
 public:
  virtual ~Catalogue() = default;
  virtual const StageDescription* find(const std::string& id) const = 0;  // null when there is none
  virtual std::vector<std::string> ids() const = 0;                       // sorted
};

// A catalogue from descriptions at hand, for tests and for what discover() found.
std::unique_ptr<Catalogue> make_catalogue(std::vector<StageDescription> stages);

// A plugin that cannot be used, and why; the other plugins can.
struct PluginProblem {
  std::filesystem::path plugin;
  std::string code;  // as in executor::Outcome, or "invalid_description", "duplicate_stage", "unreadable"
  std::string message;
  std::string hint;
};

struct PluginInfo {
  std::filesystem::path path;
  std::string digest;
  std::string name;
  std::string version;
  std::string abi;                  // "1.0"
  std::vector<std::string> stages;  // ids, in the plugin's order
};

struct Discovery {
  std::unique_ptr<Catalogue> catalogue;
  std::vector<PluginInfo> plugins;  // those that can be used, by path
  std::vector<PluginProblem> problems;
  std::size_t described = 0;          // how many plugins had to be asked; the others came from the cache
  DescriptionCache descriptions{""};  // of all of them, for a file that is there only later
};

// The files that discover() would look at, in its order, as [[path, identity], …]: where that is the same, so
// is what it finds.
base::Json identities(const std::vector<std::filesystem::path>& directories);

// Finds every *.so in `directories` (not below them; one that does not exist is skipped; the first directory
// wins where two plugins offer the same stage) and describes them through the executor, a few at a time. The
// executor must be idle. `cache_file` remembers digests and descriptions by path, size, mtime and inode; it
// is written atomically, a damaged one is ignored and "" means none.
Discovery discover(const std::vector<std::filesystem::path>& directories,
                   const std::filesystem::path& cache_file, executor::Executor& executor);

}  // namespace presswork::plugins
