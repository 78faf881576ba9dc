// Times as the ledger and journals have them: UTC text.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace presswork::report {

// "2026-11-22T07:36:49.123Z" -> the moment; nothing for any other text.
std::optional<std::chrono::system_clock::time_point> moment_of(const std::string& utc);

// From `begin` to `end`, never below 0; nothing where one of them is no time.
std::optional<double> seconds_between(const std::string& begin, const std::string& end);

}  // namespace presswork::report
