// The report as data (schemas/report.schema.json): what both documents, Markdown and HTML, are written from,
// and what programs read. Sentences are in the report's language; states, grades and names are codes that do
// not depend on it. A section that the run has no evidence for is null, or an empty list.
#pragma once

#include <string>

#include "plugins/report/documents.h"
#include "plugins/report/figures.h"
#include "plugins/report/grading.h"
#include "plugins/report/phrases.h"

namespace presswork::summary {

struct Report {
  const RunFacts& facts;
  const Documents& documents;
  Figures figures;
  std::vector<GradedMetric> grades;
  std::string title;  // empty: the usual one
};

Json build_model(const Report& report, const Phrases& say);

// Its sections; each file about one of them.
namespace sections {

Json summary(const Report& report, const Phrases& say);
Json grades(const Report& report);
Json effects(const Report& report);   // before, predicted, measured
Json accuracy(const Report& report);  // each text and window
Json steps(const Report& report, const Phrases& say);
Json sizes(const Report& report);  // the waterfall
Json decisions(const Report& report);
Json tree(const Report& report);  // the way through the guide's tree; null when the run took none
Json timeline(const Report& report);
Json tradeoff(const Report& report);       // perplexity against size
Json layer_errors(const Report& report);   // layer by module, of the last step that told
Json output_errors(const Report& report);  // the same of the linears' outputs; null when none told
Json diagnostics(const Report& report);    // of the last quantization that told; null when none did
Json sensitivity(const Report& report);    // layer by form, of the original
Json histograms(const Report& report);     // of the original's weights, by kind of module
Json strategies(const Report& report, const Phrases& say);  // planned and adjusted, with their reasons
Json checklists(const Report& report, const Phrases& say);
Json assessed_risks(const Report& report, const Phrases& say);
Json recommendations(const Report& report, const Phrases& say);
Json hardware(const Report& report, const Phrases& say);
Json predictions(const Report& report);
Json provenance(const Report& report);

// The strategy that the result came from, and its recommended candidate; null when no strategy was carried
// out.
const Json& strategy_in_force(const Report& report);
Json candidate_in_force(const Report& report);

}  // namespace sections

}  // namespace presswork::summary
