#include "orchestrator/report/style.h"

namespace presswork::report {

std::string Style::paint(std::string_view code, std::string_view text) const {
  if (!colour || text.empty()) return std::string(text);
  std::string out = "\x1b[";
  out.append(code).append("m").append(text).append("\x1b[0m");
  return out;
}

std::string Style::state(std::string_view text) const {
  if (text == "succeeded" || text == "pass" || text == "ok") return green(text);
  if (text == "cached") return cyan(text);
  if (text == "failed" || text == "timed_out" || text == "crashed" || text == "fail") return red(text);
  if (text == "running" || text == "interrupted" || text == "partial" || text == "cancelled" ||
      text == "warn")
    return yellow(text);
  return dim(text);
}

}  // namespace presswork::report
