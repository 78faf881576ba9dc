// The figures that the report is about, each with how it was measured, or absent.
#pragma once

#include <optional>
#include <vector>

#include "plugins/report/run_facts.h"

namespace presswork::summary {

struct Accuracy {
  double before = 0, after = 0;  // perplexities
  std::optional<double> before_stderr, after_stderr;
  Measured where{};
  double loss_percent() const { return (after / before - 1) * 100; }
};

struct Figures {
  std::optional<double> original_bytes, compressed_bytes;  // of the weight files, or of all tensors
  std::optional<double> compression_ratio;
  std::vector<Accuracy> accuracy;               // one a text and window; the first one counts
  std::optional<double> speedup;                // decoding, by benchmark/inference
  std::optional<double> memory_saving_percent;  // peak memory of benchmark/inference
  std::optional<double> evaluation_speedup;  // of the perplexity pass: not graded, it is no inference service
  std::optional<double> compatibility;       // compatibility_score of analyze/hardware

  std::optional<double> storage_saving_percent() const;
  std::optional<double> loss_percent() const;
};

Figures find_figures(const RunFacts& facts);

// A figure that a stage predicted before it measured it: metrics "predicted_x" and "x".
struct Prediction {
  const Instance* instance;
  std::string name;
  double predicted, measured;
  double error_percent() const { return (predicted / measured - 1) * 100; }
};
std::vector<Prediction> find_predictions(const RunFacts& facts);

}  // namespace presswork::summary
