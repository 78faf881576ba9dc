// The texts that go with a model: a card in Hugging Face's form, and what to do when something goes wrong.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace presswork::deployment {

struct CardFacts {
  std::string name, base_model, license;
  std::string architecture, precision;
  std::int64_t parameters = 0;
  std::uint64_t bytes = 0;
  nlohmann::json test;      // of deploy/test; null: none
  nlohmann::json strategy;  // of strategy/plan; null: none
};

// README.md: YAML front matter (license, base_model, library_name, tags), then what the model is, how it was
// made and what was measured.
std::string model_card(const CardFacts& facts);

std::string rollback_instructions(const CardFacts& facts);
std::string monitoring_points(const CardFacts& facts);

}  // namespace presswork::deployment
