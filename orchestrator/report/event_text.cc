#include "orchestrator/report/event_text.h"

#include <chrono>
#include <map>

#include "orchestrator/base/units.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

using base::Json;

// Events are made by the engine, but a journal may be read back: a field that is missing or of another type
// reads as empty.
std::string text_of(const Json& data, const char* name) {
  const auto it = data.is_object() ? data.find(name) : data.end();
  return it != data.end() && it->is_string() ? it->get<std::string>() : std::string();
}

double number_of(const Json& data, const char* name) {
  const auto it = data.is_object() ? data.find(name) : data.end();
  return it != data.end() && it->is_number() ? it->get<double>() : 0;
}

bool flag_of(const Json& data, const char* name) {
  const auto it = data.is_object() ? data.find(name) : data.end();
  return it != data.end() && it->is_boolean() && it->get<bool>();
}

std::string duration(double seconds) {
  return base::format_duration(std::chrono::milliseconds(static_cast<long long>(seconds * 1000)));
}

// "load  0.5 s  model/load"
std::string ended(const std::string& mark, const engine::Event& event, const std::string& how,
                  const Style& style) {
  std::string line = mark + " " + pad_right(one_line(event.instance), 16) + "  " + pad_right(how, 10);
  const std::string uses = text_of(event.data, "uses");
  if (!uses.empty()) line += "  " + style.dim(one_line(uses));
  return line;
}

std::string failure(const engine::Event& event, const Style& style) {
  const std::string state = text_of(event.data, "state");
  std::string line = style.red(style.glyph("✗", "!")) + " " + style.bold(one_line(event.instance)) + " " +
                     style.red(state.empty() ? "failed" : state) + ": " +
                     printable(text_of(event.data, "message"));
  const std::string code = text_of(event.data, "code");
  if (!code.empty() && code != state) line += style.dim(" [" + one_line(code) + "]");
  for (const char* field : {"where", "hint", "log"}) {
    const std::string value = text_of(event.data, field);
    if (!value.empty()) line += "\n    " + std::string(field) + ": " + one_line(value);
  }
  if (event.data.contains("retry_in_ms")) {
    line += "\n    attempt " + std::to_string(static_cast<long>(number_of(event.data, "attempt"))) +
            "; tries again in " + duration(number_of(event.data, "retry_in_ms") / 1000);
  }
  return line;
}

std::string log_line(const engine::Event& event, const Style& style, Verbosity verbosity) {
  static const std::map<std::string, int> needed = {
      {"error", -1}, {"warning", -1}, {"info", 1}, {"debug", 2}};
  const std::string level = text_of(event.data, "level");
  const auto it = needed.find(level);
  if (verbosity < (it == needed.end() ? 1 : it->second)) return {};
  std::string mark;
  if (level == "error") mark = style.red("error: ");
  if (level == "warning") mark = style.yellow("warning: ");
  return "  " + style.dim(one_line(event.instance) + ":") + " " + mark +
         one_line(text_of(event.data, "text"));
}

std::string decision(const engine::Event& event, const Style& style) {
  std::string line = style.cyan(style.glyph("◆", "?")) + " " + pad_right(one_line(event.instance), 16) +
                     "  " + style.bold(one_line(text_of(event.data, "branch")));
  std::string inputs;
  const auto it = event.data.find("inputs");
  if (it != event.data.end() && it->is_object()) {
    for (const auto& [name, value] : it->items()) {
      inputs += (inputs.empty() ? "" : ", ") + one_line(name) + " = ";
      inputs += value.is_number_float() ? format_number(value.get<double>()) : one_line(value.dump());
    }
  }
  if (!inputs.empty()) line += "  " + style.dim("(" + truncate(inputs, 100) + ")");
  return line;
}

std::string started(const engine::Event& event, const Style& style) {
  std::string line = style.glyph("▸", ">") + " " + one_line(event.instance) + " started";
  const std::string uses = one_line(text_of(event.data, "uses"));
  if (uses != one_line(event.instance)) line += ": " + uses;  // a stage that is called has no other name
  const double attempt = number_of(event.data, "attempt");
  if (attempt > 1) line += " (attempt " + std::to_string(static_cast<long>(attempt)) + ")";
  const std::string why = text_of(event.data, "why");
  if (!why.empty()) line += style.dim(", " + one_line(why));
  return line;
}

}  // namespace

std::string describe(const engine::Event& event, const Style& style, Verbosity verbosity) {
  const std::string& kind = event.kind;
  if (kind == "stage_failed") return failure(event, style);
  if (kind == "stage_log") return log_line(event, style, verbosity);
  if (verbosity < 0) return {};
  if (kind == "run_started") {
    return "run " + style.bold(one_line(text_of(event.data, "run"))) + " of " +
           one_line(text_of(event.data, "workflow")) + (flag_of(event.data, "resumed") ? ", resumed" : "");
  }
  if (kind == "decision_made") return decision(event, style);
  if (kind == "stage_cached") return ended(style.cyan(style.glyph("●", "=")), event, "cached", style);
  if (kind == "stage_succeeded") {
    return ended(style.green(style.glyph("✓", "+")), event, duration(number_of(event.data, "seconds")),
                 style);
  }
  if (kind == "stage_skipped") {
    return style.dim("- " + pad_right(one_line(event.instance), 16) +
                     "  skipped: " + one_line(text_of(event.data, "cause")));
  }
  if (kind == "stage_cancelled") {
    return ended(style.yellow(style.glyph("■", "x")), event, "cancelled", style);
  }
  if (kind == "stage_started" && verbosity >= 1) return started(event, style);
  if (kind == "stage_metric" && verbosity >= 2) {
    return "  " + style.dim(one_line(event.instance) + ":") + " " + one_line(text_of(event.data, "name")) +
           " = " + truncate(one_line(event.data.value("value", Json()).dump()), 100);
  }
  return {};
}

}  // namespace presswork::report
