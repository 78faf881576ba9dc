// What a compressed model must keep to.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace presswork::strategy {

using Json = nlohmann::json;

// Absent: no limit.
struct Limits {
  std::optional<double> memory_gb;         // of inference, at the analysis' batch and sequence length
  std::optional<double> size_gb;           // of the weights
  std::optional<double> max_loss_percent;  // rise of the perplexity
  std::optional<double> tokens_per_s;      // at least
  std::optional<double> latency_ms;        // of one token, at most
  std::optional<double> cost_usd;          // of the cards that hold it
  std::string gpu;                         // a card of the catalogue; empty: any

  // The speed that both speed limits ask for.
  std::optional<double> needed_tokens_per_s() const;
};

// By the names of the fields; null for what is absent.
Json to_json(const Limits& limits);
Limits limits_from(const Json& parameters);

// Adds the limits to a stage's parameters.
void describe_limits(Json& properties);

}  // namespace presswork::strategy
