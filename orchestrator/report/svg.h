// What the page around a drawing shares with it.
#pragma once

#include <string>

#include "orchestrator/report/drawing.h"

namespace presswork::report {

std::string bare_svg(const Drawing& drawing);  // without title and background
std::string svg_style();
std::string summary_of(const DrawnNode& node);  // all that is known, a line each

}  // namespace presswork::report
