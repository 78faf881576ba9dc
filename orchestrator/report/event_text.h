// An event of a run as a line for people.
#pragma once

#include <string>

#include "orchestrator/engine/event.h"
#include "orchestrator/report/style.h"

namespace presswork::report {

// How much to say: -1 only what went wrong, 0 what ended, 1 also what started and what stages say, 2 all.
using Verbosity = int;

// Columns for the names of instances: wider names stand out, so that most lines stay short.
constexpr std::size_t kNameWidth = 16;

// One or more lines without the last newline; "" when there is nothing to say at that verbosity.
std::string describe(const engine::Event& event, const Style& style, Verbosity verbosity,
                     std::size_t width = kNameWidth);

}  // namespace presswork::report
