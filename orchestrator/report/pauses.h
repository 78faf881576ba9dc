// How long a run was stopped before it was resumed.
#pragma once

#include <filesystem>

namespace presswork::report {

// Seconds between the last event of each session of the run and the start of the next one, by the journal in
// the run's folder; 0 where there is none.
double paused_seconds(const std::filesystem::path& run_folder);

// `seconds` of the run less those, and never below 0.
double without_pauses(double seconds, const std::filesystem::path& run_folder);

}  // namespace presswork::report
