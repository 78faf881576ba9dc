#include "plugins/report/grading.h"

#include <algorithm>

namespace presswork::summary {

namespace {

Grade grade_more(double value, double excellent, double good, double acceptable) {
  if (value > excellent) return Grade::excellent;
  if (value >= good) return Grade::good;
  return value >= acceptable ? Grade::acceptable : Grade::needs_improvement;
}

GradedMetric graded(const char* name, const char* unit, std::optional<double> value, Grade (*grade)(double),
                    const char* how, const char* why_not) {
  GradedMetric metric{name, unit, value, std::nullopt, value ? how : why_not};
  if (value) metric.grade = grade(*value);
  return metric;
}

}  // namespace

const char* code_of(Grade grade) {
  switch (grade) {
    case Grade::excellent:
      return "excellent";
    case Grade::good:
      return "good";
    case Grade::acceptable:
      return "acceptable";
    case Grade::needs_improvement:
      return "needs_improvement";
  }
  return "";
}

const char* name_of(Grade grade) {
  return grade == Grade::needs_improvement ? "needs improvement" : code_of(grade);
}

Grade grade_ratio(double ratio) { return grade_more(ratio, 4, 2, 1.5); }
Grade grade_speedup(double speedup) { return grade_more(speedup, 3, 2, 1.5); }
Grade grade_memory_saving(double percent) { return grade_more(percent, 75, 50, 25); }
Grade grade_loss(double percent) {
  if (percent < 2) return Grade::excellent;
  if (percent < 5) return Grade::good;
  return percent < 8 ? Grade::acceptable : Grade::needs_improvement;
}

std::vector<GradedMetric> grade_all(const Figures& figures) {
  return {graded("Compression ratio", "x", figures.compression_ratio, grade_ratio,
                 "size of the weights before, divided by after", "no step of this run compressed a model"),
          graded("Accuracy loss", "%", figures.loss_percent(), grade_loss,
                 "rise of the perplexity, same text and window",
                 "perplexity was not measured on both models with the same text and window"),
          graded("Inference speedup", "x", figures.speedup, grade_speedup,
                 "decoding speed by benchmark/inference on this machine",
                 "benchmark/inference did not run on both models"),
          graded("Memory saving", "%", figures.memory_saving_percent, grade_memory_saving,
                 "peak memory of benchmark/inference", "benchmark/inference did not run on both models")};
}

std::optional<Grade> overall(const std::vector<GradedMetric>& metrics) {
  std::optional<Grade> worst;
  for (const GradedMetric& metric : metrics) {
    if (metric.grade && (!worst || *metric.grade > *worst)) worst = metric.grade;
  }
  return worst;
}

}  // namespace presswork::summary
