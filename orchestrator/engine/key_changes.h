// Why a key is another than before.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/engine/cache_key.h"
#include "orchestrator/store/ledger.h"

namespace presswork::engine {

// A line for each part of the key that the recorded instance had otherwise: "with.bits was 8, is 4", "input
// model", "the plugin". "something that the ledger does not tell" when the keys differ and no part does.
std::vector<std::string> key_changes(const store::InstanceRow& before, const KeyParts& now);

}  // namespace presswork::engine
