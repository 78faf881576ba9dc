// Two reports side by side, out of their models.
#pragma once

#include <string>

#include "plugins/report/phrases.h"
#include "plugins/report/run_facts.h"

namespace presswork::summary {

// {"runs": [{"run", "workflow", "grade"}], "figures": [{"metric", "unit", "values": [a, b],
// "difference_percent"}], "grades": [{"metric", "values"}], "parameters": [{"name", "values"}] of those that
// differ, "walks": [[…], […]], "sizes": [[…], […]]}. Throws Error "invalid_input" for what is no report.
Json compare(const Json& a, const Json& b);

std::string comparison_markdown(const Json& comparison, const Phrases& say);
std::string comparison_html(const Json& comparison, const Phrases& say);

}  // namespace presswork::summary
