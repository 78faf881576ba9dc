#include "plugins/strategy/limits.h"

#include <algorithm>

namespace presswork::strategy {
namespace {

struct Field {
  const char* name;
  std::optional<double> Limits::*value;
  const char* description;
};

constexpr Field kFields[] = {
    {"memory_gb", &Limits::memory_gb, "Memory of inference, at most, in GiB."},
    {"size_gb", &Limits::size_gb, "Size of the weights, at most, in GiB."},
    {"max_loss_percent", &Limits::max_loss_percent, "Rise of the perplexity, at most, in percent."},
    {"tokens_per_s", &Limits::tokens_per_s, "Speed, at least, as baseline_tokens_per_s is measured."},
    {"latency_ms", &Limits::latency_ms, "Time of a token, at most, in milliseconds."},
    {"cost_usd", &Limits::cost_usd, "Cost of the cards that hold the model, at most."}};

}  // namespace

std::optional<double> Limits::needed_tokens_per_s() const {
  if (!latency_ms) return tokens_per_s;
  const double by_latency = 1000 / *latency_ms;
  return tokens_per_s ? std::max(*tokens_per_s, by_latency) : by_latency;
}

Json to_json(const Limits& limits) {
  Json json = {{"gpu", limits.gpu}};
  for (const Field& field : kFields) {
    const auto& value = limits.*field.value;
    json[field.name] = value ? Json(*value) : Json();
  }
  return json;
}

Limits limits_from(const Json& parameters) {
  Limits limits;
  limits.gpu = parameters.value("gpu", "");
  for (const Field& field : kFields) {
    const Json value = parameters.value(field.name, Json());
    if (value.is_number()) limits.*field.value = value.get<double>();
  }
  return limits;
}

void describe_limits(Json& properties) {
  for (const Field& field : kFields) {
    properties[field.name] = {{"type", {"number", "null"}},
                              {"exclusiveMinimum", 0},
                              {"default", nullptr},
                              {"description", std::string(field.description) + " null: no limit."}};
  }
  properties["gpu"] = {{"type", "string"},
                       {"default", ""},
                       {"description", "Card of the catalogue that the model is for; empty: any."}};
}

}  // namespace presswork::strategy
