// What the figures mean for whoever deploys the model: advice, points to monitor, risks. Each a finished
// sentence in the report's language.
#pragma once

#include <string>
#include <vector>

#include "plugins/report/figures.h"
#include "plugins/report/phrases.h"

namespace presswork::summary {

// The guide's rules: ratio over 2 is worth deploying; accuracy loss under 2 % deploy, under 5 % A/B test,
// else redo the strategy; compatibility over 0.8 fits the hardware.
std::vector<std::string> deployment_advice(const Figures& figures, const Phrases& say);

std::vector<std::string> monitoring_points(const Figures& figures, const Phrases& say);

// What is not known, or should be looked at, as far as the facts show it.
std::vector<std::string> risks(const RunFacts& facts, const Figures& figures, const Phrases& say);

}  // namespace presswork::summary
