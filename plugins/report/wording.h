// How the values of the model are said in both documents.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "plugins/report/phrases.h"
#include "plugins/report/run_facts.h"

namespace presswork::summary {

// A number with its unit, "–" for null.
std::string value_text(const Json& value, const std::string& unit);
std::string percent_text(const Json& value, int digits);                    // "+4.00 %"
std::string prediction_error_text(const Json& effect, const Phrases& say);  // "+4.8 %", "-0.03 points"
std::string grade_text(const Json& grade, const Phrases& say);
std::string state_text(const std::string& state, const Phrases& say);  // "✓ pass"
std::string with_error(const Json& value, const Json& error);          // "30.0000 ± 0.5000"
std::string digest_text(const std::string& digest);                    // its beginning

// "1. A → B yes → C …" of each attempt through the tree.
std::vector<std::string> walks(const Json& visits, const Phrases& say);

// What node G of the guide's tree did not do, or null where the run did not come to it.
const char* pruning_note(const Json& model);

// The largest value of a map of layers, 0 when there is none above it.
double largest(const Json& grid);
// How many digits its values need behind the point for the largest to have two that count; `least` at least.
int digits_of(const Json& grid, int least);

// What a map of errors is of: `after`, a sentence with a hole for the step, and what stands before the
// arrows.
std::string errors_text(const Json& errors, const char* after, const Phrases& say);
constexpr const char* kAfterOfWeights = "Relative error of the weights after {0}.";
constexpr const char* kAfterOfOutputs =
    "Relative error of each linear's output over the calibration text after {0}.";
// "0.1132 → " of a row's value at that place, or nothing.
std::string before_text(const Json& row, std::size_t place, int digits);

// The columns of the diagnostics, and a row of them as text.
std::vector<const char*> diagnostics_columns();
std::vector<std::string> diagnostics_row(const Json& row);
// "passes 3.1 s, rounding 2.0 s"; "" when nothing is known.
std::string phases_text(const Json& phases);

// Why a section is empty, or null where it has something.
const char* missing_reason(const Json& model, const std::string& section);

}  // namespace presswork::summary
