#include "orchestrator/engine/estimate.h"

#include <cmath>

namespace presswork::engine {

namespace {

std::optional<double> positive(const base::Json& document, const char* name) {
  const auto found = document.find(name);
  if (found == document.end() || !found->is_number()) return std::nullopt;
  const double value = found->get<double>();
  return std::isfinite(value) && value >= 0 && value < 1e18 ? std::optional(value) : std::nullopt;
}

std::optional<std::uint64_t> bytes(const base::Json& document, const char* name) {
  const auto value = positive(document, name);
  return value ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
}

std::vector<std::string> notes(const base::Json& document) {
  constexpr std::size_t kMost = 100;
  std::vector<std::string> lines;
  const auto found = document.find("notes");
  if (found == document.end() || !found->is_array()) return lines;
  for (const base::Json& line : *found) {
    if (line.is_string() && lines.size() < kMost) lines.push_back(line.get<std::string>());
  }
  return lines;
}

}  // namespace

Estimate estimate_from(const base::Json& document) {
  Estimate estimate;
  if (!document.is_object()) return estimate;
  estimate.seconds = positive(document, "seconds");
  estimate.memory_bytes = bytes(document, "memory_bytes");
  estimate.disk_bytes = bytes(document, "disk_bytes");
  const auto cores = positive(document, "cores");
  if (cores && *cores >= 1 && *cores <= 4096) estimate.cores = static_cast<int>(*cores);
  estimate.notes = notes(document);
  return estimate;
}

bool wants_estimate(const Step& step) {
  return step.stage != nullptr && step.stage->estimates && !step.node->stage()->resources.memory;
}

}  // namespace presswork::engine
