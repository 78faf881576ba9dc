#include "orchestrator/engine/limits.h"

#include "orchestrator/base/units.h"

namespace presswork::engine {

using base::Error;
using base::ErrorCode;

namespace {

std::optional<Error> misfit(const workflow::Node& node, const Limits& limits) {
  const auto asks_for = [&node](const std::string& what, const std::string& hint) {
    return Error(ErrorCode::cannot_fit, "stage " + node.id + " asks for " + what, hint, node.where);
  };
  const workflow::Resources& wanted = node.stage()->resources;
  if (limits.memory > 0 && wanted.memory.value_or(0) > limits.memory) {
    return asks_for(base::format_bytes(*wanted.memory) + " of memory, and the limit is " +
                        base::format_bytes(limits.memory),
                    "lower resources.memory of the stage, raise --memory, or use a larger machine");
  }
  if (wanted.gpus > limits.gpus) {
    return asks_for(std::to_string(wanted.gpus) + " GPUs, and there are " + std::to_string(limits.gpus),
                    "say with --gpus how many there are");
  }
  for (const auto& [name, count] : wanted.tokens) {
    const auto there = limits.tokens.find(name);
    const int most = there == limits.tokens.end() ? 0 : there->second;
    if (count <= most) continue;
    return asks_for(
        std::to_string(count) + " of the tokens \"" + name + "\", and there are " + std::to_string(most),
        "say with --token " + name + "=N how many there are");
  }
  return std::nullopt;
}

}  // namespace

std::vector<Error> misfits(const workflow::Scope& scope, const Limits& limits) {
  std::vector<Error> found;
  for (const workflow::Node& node : scope.nodes) {
    if (node.loop() != nullptr) {
      for (Error& inner : misfits(*node.loop()->body, limits)) found.push_back(std::move(inner));
    } else if (node.stage() != nullptr) {
      if (auto error = misfit(node, limits)) found.push_back(*std::move(error));
    }
  }
  return found;
}

std::optional<Error> misfit(const std::string& who, const Estimate& estimate, const Limits& limits) {
  const std::uint64_t needed = estimate.memory_bytes.value_or(0);
  if (limits.memory == 0 || needed <= limits.memory) return std::nullopt;
  return Error(ErrorCode::cannot_fit,
               who + " expects to need " + base::format_bytes(needed) + " of memory, and the limit is " +
                   base::format_bytes(limits.memory),
               "use a larger machine, raise --memory, or say with resources.memory what it needs");
}

}  // namespace presswork::engine
