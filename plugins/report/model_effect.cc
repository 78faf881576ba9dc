// What compression came to: sizes, grades, and each figure before, as predicted, and as measured.
#include "plugins/report/model.h"

namespace presswork::summary::sections {

namespace {

Json model_of(const Instance* instance, const std::optional<double>& bytes) {
  if (instance == nullptr) return nullptr;
  return {{"stage", instance->id},
          {"path", text_of(instance->with, "path")},
          {"digest", instance->model_out()},
          {"bytes", to_json(bytes)}};
}

// The text's file name where a stage of the run brought it in, or else its digest.
std::string text_name(const RunFacts& facts, const Instance& evaluation) {
  const std::string digest = evaluation.digest_in("text");
  for (const Instance& instance : facts.instances()) {
    const std::string path = text_of(instance.with, "path");
    for (const Json& output : instance.outputs) {
      if (text_of(output, "digest") == digest && !path.empty())
        return path.substr(path.find_last_of('/') + 1);
    }
  }
  return digest.substr(0, 12);
}

Json effect(const char* metric, const char* unit, const std::optional<double>& before,
            const std::optional<double>& predicted, const std::optional<double>& after) {
  // A loss may well be nothing, so its error is a difference.
  const bool in_percent = std::string(unit) == "%";
  const bool judged = predicted && after && (in_percent || *after != 0);
  const auto error = [&] { return in_percent ? *predicted - *after : (*predicted / *after - 1) * 100; };
  return {{"metric", metric},          {"unit", unit},
          {"before", to_json(before)}, {"predicted", to_json(predicted)},
          {"after", to_json(after)},   {"prediction_error_percent", judged ? Json(error()) : Json()}};
}

std::optional<double> times(const std::optional<double>& a, const std::optional<double>& b) {
  return a && b ? std::optional(*a * *b) : std::nullopt;
}

// The first pair that benchmark/inference measured the same way on both models.
std::pair<std::optional<double>, std::optional<double>> measured_speed(const RunFacts& facts,
                                                                       const char* metric) {
  for (const Measured& pair : facts.measured(metric, {"prompt_tokens", "new_tokens"})) {
    if (pair.before->uses == "benchmark/inference" && pair.after->uses == "benchmark/inference")
      return {pair.before->number(metric), pair.after->number(metric)};
  }
  return {};
}

std::optional<double> service_memory(const Report& report) {
  const Instance* tested = report.facts.last_with("memory_gb");
  return tested == nullptr ? std::nullopt : tested->number("memory_gb");
}

}  // namespace

Json summary(const Report& report, const Phrases& say) {
  const Figures& f = report.figures;
  Json failed = Json::array();
  for (const Json& entry : report.facts.checklist()) {
    if (member(entry, "required", false) != true || text_of(entry, "state") != "fail") continue;
    failed.push_back({{"title", say.said(entry, "title")}, {"why", say.of_engine(text_of(entry, "why"))}});
  }
  return {{"original", model_of(report.facts.original(), f.original_bytes)},
          {"result", model_of(report.facts.result(), f.compressed_bytes)},
          {"compression_ratio", to_json(f.compression_ratio)},
          {"storage_saving_percent", to_json(f.storage_saving_percent())},
          {"failed_checks", failed}};
}

Json grades(const Report& report) {
  Json list = Json::array();
  for (const GradedMetric& metric : report.grades) {
    list.push_back({{"metric", metric.name},
                    {"unit", metric.unit},
                    {"value", to_json(metric.value)},
                    {"grade", metric.grade ? Json(code_of(*metric.grade)) : Json()},
                    {"how", metric.how}});
  }
  return list;
}

Json effects(const Report& report) {
  const Figures& f = report.figures;
  const Json predicted = member(candidate_in_force(report), "predicted", Json::object());
  const Json memory = member(member(report.documents.first("analysis"), "inference_memory", Json::object()),
                             "refined", Json::object());
  std::optional<double> before, after;
  if (!f.accuracy.empty()) before = f.accuracy.front().before, after = f.accuracy.front().after;
  const auto loss = number_of(predicted, "loss_percent");
  const auto speed = measured_speed(report.facts, "decode_tokens_per_s");
  const auto prompt = measured_speed(report.facts, "prefill_tokens_per_s");
  const auto peak = measured_speed(report.facts, "peak_memory_bytes");
  std::optional<double> expected;
  if (before && loss) expected = *before * (1 + *loss / 100);
  return {
      effect("Size of the weights", "B", f.original_bytes, number_of(predicted, "bytes"), f.compressed_bytes),
      effect("Memory of a service", "GiB", number_of(memory, "total_memory_gb"),
             number_of(predicted, "memory_gb"), service_memory(report)),
      effect("Perplexity", "", before, expected, after),
      effect("Accuracy loss", "%", std::nullopt, loss, f.loss_percent()),
      effect("Decoding", "tokens/s", speed.first, times(speed.first, number_of(predicted, "speedup")),
             speed.second),
      effect("Reading the prompt", "tokens/s", prompt.first, std::nullopt, prompt.second),
      effect("Peak memory of inference", "B", peak.first, std::nullopt, peak.second)};
}

Json accuracy(const Report& report) {
  Json list = Json::array();
  for (const Accuracy& a : report.figures.accuracy) {
    list.push_back({{"stages", {a.where.before->id, a.where.after->id}},
                    {"text", text_name(report.facts, *a.where.after)},
                    {"window", member(a.where.after->with, "window", nullptr)},
                    {"before", a.before},
                    {"before_stderr", to_json(a.before_stderr)},
                    {"after", a.after},
                    {"after_stderr", to_json(a.after_stderr)},
                    {"change_percent", a.loss_percent()}});
  }
  return list;
}

Json predictions(const Report& report) {
  Json list = Json::array();
  for (const Prediction& p : find_predictions(report.facts)) {
    list.push_back({{"stage", p.instance->id},
                    {"metric", p.name},
                    {"predicted", p.predicted},
                    {"measured", p.measured},
                    {"error_percent", p.error_percent()}});
  }
  return list;
}

}  // namespace presswork::summary::sections
