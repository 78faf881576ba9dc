#include "plugins/modelkit/data/calibration_set.h"

#include <algorithm>
#include <array>
#include <set>

#include "plugins/modelkit/data/bundled_text.h"

namespace presswork::modelkit {
namespace {

// Prose in any language lies far above the first two; text that a tokenizer spells byte by byte far below
// the third.
constexpr std::size_t kFewTokens = 8192;
constexpr double kDistinctTriples = 0.3, kCharactersPerToken = 0.6;

double distinct_triples(std::span<const std::int32_t> ids) {
  if (ids.size() < 3) return 1.0;
  std::set<std::array<std::int32_t, 3>> seen;
  for (std::size_t i = 0; i + 2 < ids.size(); ++i) seen.insert({ids[i], ids[i + 1], ids[i + 2]});
  return static_cast<double>(seen.size()) / static_cast<double>(ids.size() - 2);
}

double characters_per_token(std::span<const std::int32_t> ids, const Tokenizer& tokenizer) {
  const std::string text = tokenizer.decode(ids, false);
  const auto characters = std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;  // not a continuation of one
  });
  return static_cast<double>(characters) / static_cast<double>(ids.size());
}

}  // namespace

std::vector<Message> calibration_warnings(const TokenWindows& windows, const Tokenizer& tokenizer,
                                          std::size_t asked) {
  const auto number = [](std::size_t value) { return Message::verbatim(std::to_string(value)); };
  std::vector<Message> warnings;
  const auto ids = windows.ids();
  if (windows.count() < asked) {
    warnings.push_back(Message("the calibration text fills {0} windows of {1} tokens, {2} were asked for",
                               {number(windows.count()), number(windows.length()), number(asked)}));
  }
  if (ids.size() < kFewTokens) {
    warnings.push_back(Message(
        "the calibration set has only {0} tokens; the model may be fitted to them and get worse on others: "
        "give more text",
        {number(ids.size())}));
  }
  if (distinct_triples(ids) < kDistinctTriples)
    warnings.push_back(Message("the calibration text repeats itself; give one that is more varied"));
  if (characters_per_token(ids, tokenizer) < kCharactersPerToken) {
    warnings.push_back(
        Message("the tokenizer spells the calibration text out in bytes, so the model hardly knows its "
                "language; give text of the kind that the model will be used for"));
  }
  return warnings;
}

nlohmann::json CalibrationSet::warnings_json() const {
  nlohmann::json list = nlohmann::json::array();
  for (const Message& warning : warnings)
    put(list.emplace_back(nlohmann::json::object()), "warning", warning);
  return list;
}

CalibrationSet calibration_set(const Tokenizer& tokenizer, const std::optional<std::filesystem::path>& text,
                               const Sampling& sampling) {
  CalibrationSet set{text ? read_windows(tokenizer, *text, sampling)
                          : sample_windows(tokenizer, {std::string(bundled_calibration_text())}, sampling),
                     !text.has_value(),
                     {}};
  set.warnings = calibration_warnings(set.windows, tokenizer, sampling.samples);
  return set;
}

}  // namespace presswork::modelkit
