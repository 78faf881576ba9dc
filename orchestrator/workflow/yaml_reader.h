// yaml-cpp's events, gathered into a YamlNode tree.
#pragma once

#include <string_view>

#include "orchestrator/base/error.h"
#include "orchestrator/workflow/document.h"

namespace presswork::workflow {

// A fault of the YAML text; the Document adds file and excerpt.
struct YamlFault {
  Mark mark;
  std::string message;
  std::string hint;
};

// Throws YamlFault. `text` is valid UTF-8 without control characters.
YamlPtr read_yaml(std::string_view text);

}  // namespace presswork::workflow
