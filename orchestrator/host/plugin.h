// Loading a plugin, and every reason to refuse it.
#pragma once

#include <optional>
#include <string>

#include "orchestrator/host/failure.h"
#include "sdk/include/presswork/stage_abi.h"

namespace presswork::host {

// The library stays loaded until the process ends: a plugin is never unloaded.
struct LoadedPlugin {
  const pw_plugin* table = nullptr;
  std::optional<Failure> refusal;
};

// Loads with RTLD_NOW | RTLD_LOCAL, so that a missing symbol is found here and named.
LoadedPlugin load_plugin(const std::string& path);

// Whether this host can work with `table`, which came from `path`: versions, sizes, null entries, stage ids.
std::optional<Failure> check_plugin(const pw_plugin* table, const std::string& path);

// The stage of that id, or null.
const pw_stage* find_stage(const pw_plugin& plugin, const std::string& id);

}  // namespace presswork::host
