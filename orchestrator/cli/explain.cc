#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>

#include "orchestrator/base/units.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/explanation.h"
#include "orchestrator/cli/find_instance.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/event_fields.h"
#include "orchestrator/report/table.h"
#include "orchestrator/report/text.h"

namespace presswork::cli {

namespace {

using base::Json;
using report::one_line;
using report::text_of;
using report::value_of;

struct ExplainOptions {
  std::string run, stage;
};

std::string shown(const Json& value) {
  if (value.is_string()) return one_line(value.get<std::string>());
  if (value.is_number_float()) return report::format_number(value.get<double>());
  return one_line(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string duration(const Json& seconds) {
  if (!seconds.is_number()) return {};
  return base::format_seconds(seconds.get<double>());
}

class Text {
 public:
  explicit Text(const report::Style& style) : style_(style) {}

  void fact(const char* name, const std::string& value) {
    if (!value.empty()) out_ += style_.dim(report::pad_right(name, 9)) + value + "\n";
  }

  // A block of lines under a title, left out when it has none.
  void block(const char* title, const report::Table& table) {
    if (!table.empty()) out_ += "\n" + style_.bold(title) + "\n" + table.text(2);
  }

  const report::Style& style() const { return style_; }
  std::string take() { return std::move(out_); }

 private:
  const report::Style& style_;
  std::string out_;
};

report::Table columns(std::size_t count) { return report::Table(std::vector<report::Table::Column>(count)); }

void add_inputs(Text& text, const Json& inputs) {
  report::Table table = columns(4);
  for (const auto& [name, input] : inputs.items()) {
    const std::string by = text_of(input, "instance"), made_in = text_of(input, "made_in");
    const std::string from = by.empty() ? "outside" : one_line(by) + "." + one_line(text_of(input, "output"));
    table.add({one_line(name), from, text_of(input, "type") + " " + text_of(input, "digest").substr(0, 12),
               made_in.empty() ? "" : text.style().dim("made in " + one_line(made_in))});
  }
  text.block("INPUTS", table);
}

void add_values(Text& text, const char* title, const Json& values) {
  report::Table table = columns(2);
  if (!values.is_object()) return;
  for (const auto& [name, value] : values.items())
    table.add({one_line(name), report::truncate(shown(value), 90)});
  text.block(title, table);
}

void add_key(Text& text, const Json& key) {
  report::Table table = columns(2);
  const Json parts = value_of(key, "parts");
  for (const char* name : {"stage", "plugin", "device", "seed", "salt", "version"}) {
    const std::string value = shown(value_of(parts, name));
    if (!value.empty() && value != "null")
      table.add({name, std::string(name) == "plugin" ? value.substr(0, 12) : value});
  }
  const Json paths = value_of(parts, "paths");
  if (paths.is_object()) {
    for (const auto& [name, digest] : paths.items())
      table.add({"file " + one_line(name), shown(digest).substr(0, 12)});
  }
  table.add({"", text.style().dim("and the parameters and inputs above")});
  if (const std::string note = text_of(key, "note"); !note.empty())
    table.add({"", text.style().yellow(note)});
  text.block("KEY", table);
}

void add_branches(Text& text, const Json& decision) {
  report::Table table = columns(3);
  for (const Json& one : value_of(decision, "cases")) {
    const bool taken = report::flag_of(one, "taken");
    table.add({taken ? text.style().green(text.style().glyph("▶", ">")) : "", one_line(text_of(one, "then")),
               text_of(one, "when").empty() ? text.style().dim("otherwise")
                                            : "when " + one_line(text_of(one, "when"))});
  }
  text.block("BRANCHES", table);
  add_values(text, "VALUES", value_of(decision, "inputs"));
}

// Those that fulfilled the constraint, the best first.
void add_candidates(Text& text, const Json& decision) {
  constexpr std::size_t most = 12;
  const Json candidates = value_of(value_of(decision, "inputs"), "candidates");
  if (!candidates.is_object()) return;
  const std::string chosen = text_of(decision, "branch");
  std::vector<std::pair<std::string, Json>> ordered;
  for (const auto& [id, value] : candidates.items()) ordered.emplace_back(id, value);
  const bool maximize = report::flag_of(decision, "maximize");
  std::stable_sort(ordered.begin(), ordered.end(), [&](const auto& a, const auto& b) {
    if ((a.first == chosen) != (b.first == chosen)) return a.first == chosen;
    return maximize ? b.second < a.second : a.second < b.second;
  });
  report::Table table = columns(3);
  for (std::size_t i = 0; i < std::min(most, ordered.size()); ++i) {
    const auto& [id, value] = ordered[i];
    table.add({id == chosen ? text.style().green(text.style().glyph("▶", ">")) : "", one_line(id),
               value.is_null() ? "" : shown(value)});
  }
  if (ordered.size() > most)
    table.add({"", text.style().dim("and " + std::to_string(ordered.size() - most) + " more"), ""});
  text.block("CANDIDATES", table);
}

std::string assignments(const Json& values) {
  std::string all;
  if (!values.is_object()) return all;
  for (const auto& [name, value] : values.items())
    all += (all.empty() ? "" : ", ") + one_line(name) + " = " + shown(value);
  return all;
}

void add_attempts(Text& text, const Json& attempts) {
  report::Table table = columns(4);
  for (const Json& one : attempts) {
    const std::string outcome = text_of(one, "outcome");
    table.add({shown(value_of(one, "number")), text.style().state(outcome.empty() ? "running" : outcome),
               duration(value_of(one, "seconds")), text_of(one, "started")});
    if (const std::string message = text_of(one, "message"); !message.empty())
      table.add({"", "", "", report::truncate(one_line(message), 110)});
    if (const std::string hint = text_of(one, "hint"); !hint.empty())
      table.add({"", "", "", "hint: " + one_line(hint)});
    if (const std::string log = text_of(one, "log"); !log.empty())
      table.add({"", "", "", text.style().dim(one_line(log))});
  }
  text.block("ATTEMPTS", table);
}

// Values, and the artifacts by who made them.
std::string state_text(const Json& iteration) {
  std::string all = assignments(value_of(iteration, "state"));
  const Json artifacts = value_of(iteration, "artifacts");
  if (!artifacts.is_object()) return all;
  for (const auto& [name, artifact] : artifacts.items()) {
    all += (all.empty() ? "" : ", ") + one_line(name) + " = " +
           one_line(text_of(artifact, "instance") + "." + text_of(artifact, "output"));
  }
  return all;
}

void add_iterations(Text& text, const Json& iterations) {
  constexpr std::size_t most = 30;
  report::Table table = columns(4);
  const std::size_t first = iterations.size() > most ? iterations.size() - most : 0;
  if (first > 0) table.add({"", text.style().dim(std::to_string(first) + " before"), "", ""});
  for (std::size_t i = first; i < iterations.size(); ++i) {
    const Json& one = iterations[i];
    const std::string outcome = text_of(one, "outcome"), inputs = assignments(value_of(one, "inputs"));
    table.add({shown(value_of(one, "number")), report::truncate(state_text(one), 50),
               outcome.empty() ? text.style().dim("not decided") : one_line(outcome),
               inputs.empty() ? "" : text.style().dim("by " + report::truncate(inputs, 60))});
  }
  text.block("ITERATIONS", table);
}

std::string to_text(const Json& facts, const report::Style& style) {
  Text text(style);
  const std::string uses = text_of(facts, "uses");
  text.fact("stage", style.bold(one_line(text_of(facts, "id"))) + " of " + text_of(facts, "run") + " (" +
                         one_line(text_of(facts, "workflow")) + ")");
  const std::string kind = text_of(facts, "kind");
  text.fact("uses", uses.empty() ? kind : one_line(uses));
  text.fact("state", style.state(text_of(facts, "state")));
  const Json decision = value_of(facts, "decision");
  text.fact(kind == "select" ? "chosen" : "branch", style.bold(one_line(text_of(decision, "branch"))));
  text.fact("where", one_line(text_of(decision, "where")));
  text.fact(report::flag_of(decision, "maximize") ? "maximize" : "minimize",
            one_line(text_of(decision, "objective")));
  text.fact("why", one_line(text_of(facts, "why")));
  text.fact("time", duration(value_of(facts, "seconds")));
  text.fact("memory", value_of(facts, "peak_memory_bytes").is_number()
                          ? base::format_bytes(value_of(facts, "peak_memory_bytes").get<std::uint64_t>())
                          : "");
  text.fact("key", text_of(value_of(facts, "key"), "key"));
  report::Table needs = columns(2);
  for (const Json& need : value_of(facts, "needs"))
    needs.add({one_line(text_of(need, "id")), style.state(text_of(need, "state"))});
  text.block("NEEDS", needs);
  add_inputs(text, value_of(facts, "inputs"));
  add_values(text,
             kind == "loop"     ? "STATE"
             : kind == "select" ? "CELL"
                                : "PARAMETERS",
             value_of(facts, "with"));
  if (value_of(facts, "key").is_object()) add_key(text, value_of(facts, "key"));
  if (kind == "select") {
    add_candidates(text, decision);
  } else if (decision.is_object()) {
    add_branches(text, decision);
  }
  add_iterations(text, value_of(facts, "iterations"));
  add_attempts(text, value_of(facts, "attempts"));
  report::Table outputs = columns(3);
  const Json made = value_of(facts, "outputs");  // items() only refers to it
  for (const auto& [name, output] : made.items()) {
    outputs.add({one_line(name), text_of(output, "type") + " " + text_of(output, "digest").substr(0, 12),
                 style.dim(one_line(text_of(output, "path")))});
  }
  text.block("OUTPUTS", outputs);
  add_values(text, "METRICS", value_of(facts, "metrics"));
  return text.take();
}

int explain(Session& session, const ExplainOptions& options) {
  const store::RunRow run = session.find_run(options.run);
  const Json facts = explanation_of(session, run, find_instance(session, run.id, options.stage));
  if (session.options().json) {
    session.output().json(facts);
  } else {
    session.output().text(to_text(facts, session.output().style()));
  }
  return kOk;
}

}  // namespace

Verb explain_verb() {
  return {"explain", "Explain what became of a stage, and why",
          "Tells all that is recorded of STAGE in RUN: why it ran, was taken from the cache, was skipped or "
          "failed; its inputs and where each came from; its parameters; its cache key with its parts; for a "
          "decision the values that it saw and the branch that it took; its attempts with their logs.",
          "  presswork explain r3 quantize\n  presswork explain r3 'tune[2]/quantize[bits=4]'",
          [](CLI::App& app) -> std::function<int(Session&)> {
            auto options = std::make_shared<ExplainOptions>();
            app.add_option("RUN", options->run, "The run, like r3")->required()->type_name("");
            app.add_option("STAGE", options->stage,
                           "The instance, as `presswork status RUN --all` shows it, or like quantize@2")
                ->required()
                ->type_name("");
            return [options](Session& session) { return explain(session, *options); };
          }};
}

}  // namespace presswork::cli
