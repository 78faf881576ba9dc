#include "plugins/report/wording.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "plugins/report/number_text.h"

namespace presswork::summary {

std::string value_text(const Json& value, const std::string& unit) {
  if (!value.is_number()) return "–";
  const double number = value.get<double>();
  if (unit == "B") return bytes_text(number);
  if (unit == "GiB") return number < 0.1 ? bytes_text(number * 1073741824.0) : fixed(number, 2) + " GiB";
  if (unit == "x") return fixed(number, 2) + "x";
  return fixed(number, 2) + (unit.empty() ? "" : " " + unit);
}

std::string percent_text(const Json& value, int digits) {
  return value.is_number() ? signed_fixed(value.get<double>(), digits) + " %" : "–";
}

std::string prediction_error_text(const Json& effect, const Phrases& say) {
  const Json& error = effect.at("prediction_error_percent");
  if (!error.is_number() || effect.at("unit") != "%") return percent_text(error, 1);
  return say("{0} points", {signed_fixed(error.get<double>(), 2)});
}

std::string grade_text(const Json& grade, const Phrases& say) {
  if (!grade.is_string()) return "–";
  const auto code = grade.get<std::string>();
  if (code == "not_measured") return say("not measured");
  return say.known(code == "needs_improvement" ? "needs improvement" : code);
}

std::string state_text(const std::string& state, const Phrases& say) {
  const char* sign = state == "pass" ? "✓ " : state == "fail" ? "✗ " : state == "not_run" ? "○ " : "";
  return sign + (state == "not_run" ? say("not run") : say.known(state));
}

std::string with_error(const Json& value, const Json& error) {
  if (!value.is_number()) return "–";
  return fixed(value.get<double>(), 4) + (error.is_number() ? " ± " + fixed(error.get<double>(), 4) : "");
}

std::string digest_text(const std::string& digest) {
  return digest.size() > 19 ? digest.substr(0, 12) + "…" : digest;
}

std::vector<std::string> walks(const Json& visits, const Phrases& say) {
  std::map<int, std::string> by_attempt;
  std::string before, after;
  for (const Json& visit : visits) {
    const std::string node = text_of(visit, "node"), branch = text_of(visit, "branch");
    std::string& text = node == "A" ? before : node == "K" ? after : by_attempt[visit.value("attempt", 0)];
    text += (text.empty() ? "" : " → ") + node + (branch.empty() ? "" : " " + say.known(branch));
  }
  std::vector<std::string> lines;
  for (const auto& [attempt, text] : by_attempt) {
    const bool first = lines.empty(), last = attempt == by_attempt.rbegin()->first;
    lines.push_back((first && !before.empty() ? before + " → " : "") + text +
                    (last && !after.empty() ? " → " + after : ""));
  }
  return lines;
}

double largest(const Json& grid) {
  double found = 0;
  for (const Json& row : grid.at("rows")) {
    for (const Json& value : row.at("values"))
      found = std::max(found, value.is_number() ? value.get<double>() : 0.0);
  }
  return found;
}

int digits_of(const Json& grid, int least) {
  const double most = largest(grid);
  if (most <= 0) return least;
  return std::clamp(static_cast<int>(std::ceil(-std::log10(most))) + 1, least, 12);
}

std::string errors_text(const Json& errors, const char* after, const Phrases& say) {
  const std::string of = errors.at("of");
  const std::string text =
      of == "int4"
          ? say("Relative error of the original's weights rounded to four bits; no step told its own.")
          : say(after, {of});
  const Json& rows = errors.at("rows");
  const bool before =
      std::any_of(rows.begin(), rows.end(), [](const Json& row) { return row.contains("before"); });
  return before ? say("{0} Before the arrow: rounding to nearest on the same grid.", {text}) : text;
}

std::string before_text(const Json& row, std::size_t place, int digits) {
  const Json value = row.contains("before") ? row.at("before").at(place) : Json();
  return value.is_number() ? fixed(value.get<double>(), digits) + " → " : "";
}

std::vector<const char*> diagnostics_columns() {
  return {"#Layer",         "#Error of the output", "#Outlier inputs",
          "#Largest input", "#Dead scales",         "#Clipped weights"};
}

std::vector<std::string> diagnostics_row(const Json& row) {
  const auto text = [&](const char* metric, double factor, int digits, const char* unit) {
    const Json& value = row.at(metric);
    return value.is_number() ? fixed(factor * value.get<double>(), digits) + unit : std::string("–");
  };
  return {row.at("layer").dump(),           text("layer_output_errors", 1, 4, ""),
          text("outlier_inputs", 1, 0, ""), text("largest_inputs", 1, 1, "x"),
          text("dead_scales", 1, 0, ""),    text("clipped_weights", 100, 2, " %")};
}

std::string phases_text(const Json& phases) {
  std::string text;
  for (const auto& [phase, seconds] : phases.items()) {
    if (seconds.is_number())
      text += (text.empty() ? "" : ", ") + phase + " " + seconds_text(seconds.get<double>());
  }
  return text;
}

const char* pruning_note(const Json& model) {
  for (const Json& visit : model.at("tree")) {
    if (text_of(visit, "node") == "G") return "G pruned only: distillation is not yet part of it.";
  }
  return nullptr;
}

const char* missing_reason(const Json& model, const std::string& section) {
  static const std::map<std::string, const char*> reasons{
      {"accuracy", "Perplexity was not measured on both models with the same text and window."},
      {"sizes", "No size of a model is known in this run."},
      {"decisions", "No decision was taken in this run."},
      {"tree", "This workflow is not the guide's decision tree, so there is no way through it to draw."},
      {"timeline", "When the stages ran is not known."},
      {"layer_errors", "No step told its error by layer, and no analysis looked at the weights."},
      {"sensitivity",
       "No analysis measured the sensitivity of the layers (sensitivity: true of analyze/model)."},
      {"histograms", "No analysis looked at the weights (weights: true of analyze/model)."},
      {"checklists", "The workflow has no checklist, and no stage wrote one."},
      {"hardware", "No stage of this run looked at the hardware (analyze/hardware)."},
      {"recommendations", "No analysis gave recommendations."},
      {"predictions", "No stage predicted a figure that it then measured."}};
  if (section == "tradeoff") {
    const Json& found = model.at("tradeoff");
    const bool some = !found.at("candidates").empty() || !found.at("measured").empty();
    return some ? nullptr : "No strategy was planned, and no model has both its size and its perplexity.";
  }
  const Json& found = model.at(section);
  return found.is_null() || found.empty() ? reasons.at(section) : nullptr;
}

}  // namespace presswork::summary
