// The report of a run as a file with a name that people can find.
#pragma once

#include <optional>

#include "orchestrator/cli/session.h"
#include "orchestrator/report/summary.h"

namespace presswork::cli {

// Copies the run's last output of type `report` to <workspace>/runs/<run>/report.md (or report.html, report/
// when the report is a folder, whose Markdown file is then the result) and gives that path; nothing when the
// run has none.
std::optional<fs::path> report_file(Session& session, const std::string& run);
std::optional<fs::path> report_file(Session& session, const report::Summary& summary);

// Copies a report that a stage wrote just now to the same place.
fs::path keep_report(Session& session, const std::string& run, const fs::path& written);

}  // namespace presswork::cli
