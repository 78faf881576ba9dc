// What was done: each step with its time and effect, the sizes between them, and when it happened.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <sstream>

#include "plugins/report/model.h"
#include "plugins/report/number_text.h"

namespace presswork::summary::sections {

namespace {

// The few metrics of a stage that a reader looks for first.
constexpr const char* kTelling[] = {"compression_ratio",
                                    "sparsity",
                                    "mean_relative_error",
                                    "perplexity",
                                    "kl_mean",
                                    "top1_agreement",
                                    "prefill_tokens_per_s",
                                    "decode_tokens_per_s",
                                    "compatibility_score",
                                    "recommended",
                                    "passed",
                                    "ok",
                                    "grade",
                                    "inference_memory_gb",
                                    "parameters",
                                    "bytes",
                                    "lines",
                                    "tokens_per_s"};

std::string effect_of(const Report& report, const Instance& instance, const Phrases& say) {
  std::string text;
  int told = 0;
  for (const char* name : kTelling) {
    const Json value = member(instance.metrics, name, nullptr);
    if (value.is_null() || value.is_structured() || told == 3) continue;
    text += (told++ > 0 ? ", " : "") + std::string(name) + " " + metric_text(name, value);
  }
  const bool is_step = !instance.model_in().empty() && !instance.model_out().empty();
  const Instance* judged = is_step ? report.facts.measured_on(instance, "perplexity") : nullptr;
  if (judged != nullptr) {
    text += (told > 0 ? "; " : "") +
            say("perplexity of its model {0}", {fixed(*judged->number("perplexity"), 4)});
  }
  if (!instance.cause.empty()) text += (text.empty() ? "" : "; ") + say.of_engine(instance.cause);
  return text;
}

// Seconds since 1970 of "2026-11-24T20:05:38.978Z".
std::optional<double> moment_of(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0;
  double second = 0;
  if (std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%lfZ", &year, &month, &day, &hour, &minute, &second) != 6)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return static_cast<double>(days) * 86400 + hour * 3600 + minute * 60 + second;
}

// As they began where that is known; the others stay behind what they follow in the workflow.
std::vector<const Instance*> in_order(const Report& report) {
  std::vector<std::pair<double, const Instance*>> begun;
  double last = 0;
  const Json times = member(report.facts.evidence(), "times", Json::object());
  for (const Instance& instance : report.facts.instances()) {
    const auto start = moment_of(text_of(member(times, instance.id.c_str(), Json::object()), "started"));
    last = start.value_or(last);
    begun.emplace_back(last, &instance);
  }
  std::stable_sort(begun.begin(), begun.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const Instance*> order;
  for (const auto& [start, instance] : begun) order.push_back(instance);
  return order;
}

struct Span {
  const Instance* instance;
  double start, end;
  bool cached;
};

}  // namespace

Json steps(const Report& report, const Phrases& say) {
  Json list = Json::array();
  const auto& chain = report.facts.steps();
  for (const Instance* one : in_order(report)) {
    const Instance& instance = *one;
    list.push_back({{"stage", instance.id},
                    {"uses", instance.uses},
                    {"state", instance.state},
                    {"seconds", to_json(instance.seconds)},
                    {"changes_model", std::find(chain.begin(), chain.end(), &instance) != chain.end()},
                    {"effect", effect_of(report, instance, say)}});
  }
  return list;
}

Json sizes(const Report& report) {
  Json list = Json::array();
  std::optional<double> bytes = report.figures.original_bytes;
  if (!bytes || report.facts.original() == nullptr) return list;
  list.push_back({{"stage", report.facts.original()->id}, {"bytes", *bytes}, {"change", 0}});
  for (const Instance* step : report.facts.steps()) {
    auto next = step->number("compressed_bytes");
    const auto ratio = step->number("compression_ratio");
    if (!next && ratio && *ratio > 0) next = *bytes / *ratio;
    if (!next) continue;
    list.push_back({{"stage", step->id}, {"bytes", *next}, {"change", *next - *bytes}});
    bytes = next;
  }
  return list;
}

Json timeline(const Report& report) {
  std::vector<Span> spans;
  const Json times = member(report.facts.evidence(), "times", Json::object());
  for (const Instance& instance : report.facts.instances()) {
    const Json time = member(times, instance.id.c_str(), Json::object());
    const auto start = moment_of(text_of(time, "started")), end = moment_of(text_of(time, "ended"));
    if (start && end && *end >= *start)
      spans.push_back({&instance, *start, *end, member(time, "cached", false) == true});
  }
  std::stable_sort(spans.begin(), spans.end(),
                   [](const Span& a, const Span& b) { return a.start < b.start; });
  Json list = Json::array();
  double first = 0;
  for (const Span& span : spans) first = &span == &spans.front() ? span.start : std::min(first, span.start);
  for (const Span& span : spans) {
    list.push_back({{"stage", span.instance->id},
                    {"state", span.instance->state},
                    {"cached", span.cached},
                    {"start", span.start - first},
                    {"end", span.end - first}});
  }
  return list;
}

}  // namespace presswork::summary::sections
