// The report as one Markdown document (SPEC.md section 8). The same facts give the same text: there is no
// date and no place of this run in it.
#pragma once

#include <string>

#include "plugins/report/figures.h"
#include "plugins/report/grading.h"
#include "plugins/report/phrases.h"

namespace presswork::summary {

struct Report {
  const RunFacts& facts;
  Figures figures;
  std::vector<GradedMetric> grades;
  std::string title;  // empty: the usual one
};

std::string to_markdown(const Report& report, const Phrases& say);

}  // namespace presswork::summary
