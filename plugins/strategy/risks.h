// What may go wrong with a candidate, and what to do then.
#pragma once

#include <string>
#include <vector>

#include "plugins/strategy/ranking.h"

namespace presswork::strategy {

struct Risk {
  modelkit::Message risk;
  std::string likelihood, impact;  // low, medium, high
  modelkit::Message early_sign, mitigation, rollback_point;
};

std::vector<Risk> risks_of(const Assessed& assessed, const Subject& subject, const Limits& limits);
Json to_json(const Risk& risk);

}  // namespace presswork::strategy
