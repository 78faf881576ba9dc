// The name of a piece of work: equal keys mean equal results.
#pragma once

#include <string>

#include "orchestrator/base/json.h"

namespace presswork::engine {

// The device that numbers come from: another instruction set may round differently. "cpu-x86-64-avx512", …
std::string device_class();

struct KeyParts {
  std::string stage, plugin_digest;
  base::Json with;          // resolved parameters
  base::Json path_digests;  // {parameter: digest} of parameters that are input files or folders
  base::Json inputs;        // {name: digest}
  std::uint64_t seed = 0;
  std::string salt;
  base::Json facts;  // what a stage that reads the run is told; null otherwise

  base::Json document() const;
  base::Json rest() const;  // document() without the parameters and inputs
  std::string key() const;  // SHA-256 of the canonical text of document()
};

}  // namespace presswork::engine
