// Grades (SPEC.md section 6): each metric by itself; the overall grade is the worst of the measured ones.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugins/report/figures.h"

namespace presswork::summary {

enum class Grade { excellent, good, acceptable, needs_improvement };  // best first

const char* code_of(Grade grade);  // "needs_improvement": the metric `grade`
const char* name_of(Grade grade);  // "needs improvement": a phrase

// Compression ratio (x), inference speedup (x), memory saving (%): more is better. A boundary value belongs
// to the lower grade at the top (4x is good) and to the upper one elsewhere (2x is good).
Grade grade_ratio(double ratio);
Grade grade_speedup(double speedup);
Grade grade_memory_saving(double percent);
// Accuracy loss (%): less is better; below 2, 5, 8.
Grade grade_loss(double percent);

struct GradedMetric {
  const char* name;  // a phrase
  const char* unit;
  std::optional<double> value;  // absent: not measured
  std::optional<Grade> grade;
  const char* how;  // a phrase: how it was measured, or why not
};

// The four metrics, in the order of the table.
std::vector<GradedMetric> grade_all(const Figures& figures);
std::optional<Grade> overall(const std::vector<GradedMetric>& metrics);  // absent: nothing was measured

}  // namespace presswork::summary
