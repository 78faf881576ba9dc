// The strategy as an artifact: what strategy/plan writes, and what strategy/adjust reads and writes again.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "plugins/strategy/ranking.h"
#include "presswork/stage.hpp"

namespace presswork::strategy {

// A candidate that was carried out, with what was measured then; absent: not measured.
struct Attempt {
  std::string id;
  std::optional<double> loss_percent, memory_gb, tokens_per_s;
  Prediction predicted;
};

struct Strategy {
  Subject subject;
  Limits limits;
  Options options;
  std::string catalogue;  // file of further cards; empty: none
  std::vector<Attempt> tried;
  std::string choice;      // id of the recommended candidate
  modelkit::Message why;   // in a sentence or two
  bool exhausted = false;  // nothing was left to try: the choice was tried already
};

// Writes strategy.json into the stage's folder and tells the metrics.
void publish(const Context& context, const Strategy& strategy);

// Throws "invalid_input" for a file of another form.
Strategy read_strategy(const std::filesystem::path& path);

// The metrics that both stages have.
Json describe_metrics();

}  // namespace presswork::strategy
