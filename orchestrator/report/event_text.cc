#include "orchestrator/report/event_text.h"

#include <chrono>
#include <map>

#include "orchestrator/base/units.h"
#include "orchestrator/report/event_fields.h"
#include "orchestrator/report/stage_line.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

using base::Json;

// "load  0.5 s  model/load"
std::string ended(const std::string& mark, const engine::Event& event, const std::string& how,
                  const Style& style, std::size_t width) {
  std::string line = mark + " " + pad_right(one_line(event.instance), width) + "  " + pad_right(how, 10);
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
  if (flag_of(event.data, "tolerated")) line += "\n    the run goes on without it";
  if (event.data.contains("retry_in_ms")) {
    line += "\n    attempt " + std::to_string(static_cast<long>(number_of(event.data, "attempt"))) +
            "; tries again in " + base::format_seconds(number_of(event.data, "retry_in_ms") / 1000);
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

// "bits = 4, loss = 2.5": at most a hundred columns.
std::string assignments(const Json& values) {
  std::string text;
  if (!values.is_object()) return text;
  for (const auto& [name, value] : values.items()) {
    text += (text.empty() ? "" : ", ") + one_line(name) + " = ";
    text += value.is_number_float() ? format_number(value.get<double>()) : one_line(value.dump());
  }
  return truncate(text, 100);
}

std::string decision(const engine::Event& event, const Style& style, std::size_t width) {
  std::string line = style.cyan(style.glyph("◆", "?")) + " " + pad_right(one_line(event.instance), width) +
                     "  " + style.bold(one_line(text_of(event.data, "branch")));
  const std::string inputs = assignments(value_of(event.data, "inputs"));
  if (!inputs.empty()) line += "  " + style.dim("(" + inputs + ")");
  return line;
}

// "loss = 2.5, so it goes on"
std::string loop_decision(const engine::Event& event, const Style& style) {
  static const std::map<std::string, std::string> words = {
      {"break", "it is done"}, {"continue", "it goes on"}, {"fail", "it fails"}};
  const auto it = words.find(text_of(event.data, "way"));
  const std::string inputs = assignments(value_of(event.data, "inputs"));
  return "  " + style.dim(one_line(event.instance) + ":") + " " + (inputs.empty() ? "" : inputs + ", so ") +
         (it == words.end() ? one_line(text_of(event.data, "way")) : it->second);
}

// loop_iteration, loop_ended, selected
std::string loop_text(const engine::Event& event, const Style& style, std::size_t width) {
  const std::string name = pad_right(one_line(event.instance), width);
  if (event.kind == "selected") {
    const double among = number_of(event.data, "among");
    std::string line = style.cyan(style.glyph("◆", "?")) + " " + name + "  " +
                       style.bold(one_line(text_of(event.data, "chosen")));
    if (among > 0) line += style.dim(" of " + format_integer(static_cast<long long>(among)));
    const Json value = value_of(event.data, "value");
    if (value.is_number()) line += style.dim(" (" + format_number(value.get<double>()) + ")");
    return line;
  }
  const auto number = static_cast<int>(number_of(event.data, "iteration"));
  const std::string iteration = format_integer(number);
  if (event.kind == "loop_iteration") {
    std::string line = style.cyan(style.glyph("↻", "@")) + " " + name + "  " +
                       iteration_text(number, static_cast<int>(number_of(event.data, "max")));
    const std::string state = assignments(value_of(event.data, "state"));
    return state.empty() ? line : line + "  " + style.dim("(" + state + ")");
  }
  static const std::map<std::string, std::string> words = {{"break", "done with iteration "},
                                                           {"exhausted", "ended by its limit at iteration "}};
  const auto it = words.find(text_of(event.data, "outcome"));
  return style.cyan(style.glyph("↻", "@")) + " " + name + "  " +
         (it == words.end() ? style.red("failed") + " in iteration " : it->second) + iteration;
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

std::string describe(const engine::Event& event, const Style& style, Verbosity verbosity, std::size_t width) {
  const std::string& kind = event.kind;
  if (kind == "stage_failed") return failure(event, style);
  if (kind == "stage_log") return log_line(event, style, verbosity);
  if (verbosity < 0) return {};
  if (kind == "run_started") {
    return "run " + style.bold(one_line(text_of(event.data, "run"))) + " of " +
           one_line(text_of(event.data, "workflow")) + (flag_of(event.data, "resumed") ? ", resumed" : "");
  }
  if (kind == "decision_made") return decision(event, style, width);
  if (kind == "stage_rolling_back" && verbosity >= 1) {
    return style.glyph("↩", "<") + " " + one_line(event.instance) + " is rolled back after attempt " +
           std::to_string(static_cast<long>(number_of(event.data, "attempt")));
  }
  if (kind == "stage_rolled_back") {
    const bool done = text_of(event.data, "state") == "succeeded";
    const std::string how = text_of(event.data, "message");
    return style.yellow(style.glyph("↩", "<")) + " " + pad_right(one_line(event.instance), width) + "  " +
           (done ? "rolled back" : style.red("could not be rolled back") + ": " + one_line(how));
  }
  if (kind == "loop_iteration" || kind == "loop_ended" || kind == "selected") {
    return loop_text(event, style, width);
  }
  if (kind == "stage_cached") {
    return ended(style.cyan(style.glyph("●", "=")), event, "cached", style, width);
  }
  if (kind == "stage_succeeded") {
    return ended(style.green(style.glyph("✓", "+")), event,
                 base::format_seconds(number_of(event.data, "seconds")), style, width);
  }
  if (kind == "stage_skipped") {
    return style.dim("- " + pad_right(one_line(event.instance), width) +
                     "  skipped: " + one_line(text_of(event.data, "cause")));
  }
  if (kind == "stage_cancelled") {
    return ended(style.yellow(style.glyph("■", "x")), event, "cancelled", style, width);
  }
  if (kind == "loop_decided" && verbosity >= 1) return loop_decision(event, style);
  if (kind == "stage_started" && verbosity >= 1) return started(event, style);
  if (kind == "stage_waiting" && verbosity >= 1) {
    return "  " + style.dim(one_line(event.instance) + ": waits for " + one_line(text_of(event.data, "for")));
  }
  if (kind == "stage_metric" && verbosity >= 2) {
    return "  " + style.dim(one_line(event.instance) + ":") + " " + one_line(text_of(event.data, "name")) +
           " = " + truncate(one_line(value_of(event.data, "value").dump()), 100);
  }
  return {};
}

}  // namespace presswork::report
