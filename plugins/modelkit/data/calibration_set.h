// The windows that a method is calibrated on, and whether they look fit for it.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "plugins/modelkit/data/token_windows.h"
#include "plugins/modelkit/wording/message.h"

namespace presswork::modelkit {

struct CalibrationSet {
  TokenWindows windows;
  bool bundled = false;           // the text that ships with the program, for want of another
  std::vector<Message> warnings;  // for people

  // [{"warning", "warning_parts"}], see put().
  nlohmann::json warnings_json() const;
};

// From the file at `text`, or the bundled text. Errors as those of read_windows().
CalibrationSet calibration_set(const Tokenizer& tokenizer, const std::optional<std::filesystem::path>& text,
                               const Sampling& sampling);

// What seems wrong with windows of which `asked` were wanted: too few tokens, the same again and again, or a
// language that the tokenizer can only spell.
std::vector<Message> calibration_warnings(const TokenWindows& windows, const Tokenizer& tokenizer,
                                          std::size_t asked);

}  // namespace presswork::modelkit
