// The YAML 1.2 core schema: what a plain scalar is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/base/json.h"

namespace presswork::workflow {

struct Scalar {
  base::Json value;
  std::string fault;  // not empty: it looks like a number that we cannot hold
};

Scalar core_scalar(std::string_view text);

// Of ASCII, whatever the locale.
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace presswork::workflow
