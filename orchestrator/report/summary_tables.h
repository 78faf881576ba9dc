// The parts of a summary that grow with the run.
#pragma once

#include <string>

#include "orchestrator/report/style.h"
#include "orchestrator/report/summary.h"

namespace presswork::report {

// The table of stages; see to_text() for `all` and `columns`.
std::string stages_text(const Summary& summary, const Style& style, bool all, std::size_t columns);

// What failed and what to do about it, equal failures of a matrix or loop as one; "" when nothing did.
std::string failures_text(const Summary& summary, const Style& style, bool all);

inline bool is_bad(const std::string& state) { return state == "failed" || state == "timed_out"; }

std::string words(std::string name);  // of a metric: "peak_memory" -> "peak memory", "bytes" -> "size"

}  // namespace presswork::report
