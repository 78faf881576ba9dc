// Numbers as a reader wants them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace presswork::summary {

std::string fixed(double value, int digits);         // "3.14"
std::string signed_fixed(double value, int digits);  // "+3.14"
std::string bytes_text(double bytes);                // "3.41 MiB"
std::string seconds_text(double seconds);            // "0.42 s", "3 min 7 s"
std::string count_text(double count);                // "1,797,248"

// A metric by its name: bytes, seconds, ratios and percentages in their units, anything else as it is.
std::string metric_text(const std::string& name, const nlohmann::json& value);

}  // namespace presswork::summary
