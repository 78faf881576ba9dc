// The report as one Markdown document (SPEC.md section 8), out of its model.
#pragma once

#include <string>

#include "plugins/report/model.h"

namespace presswork::summary {

std::string to_markdown(const Json& model, const Phrases& say);

}  // namespace presswork::summary
