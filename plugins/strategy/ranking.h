// Candidates in order: which keep to the limits, and which of those is best.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "plugins/modelkit/wording/message.h"
#include "plugins/strategy/prediction.h"

namespace presswork::strategy {

struct Violation {
  std::string limit;  // "memory_gb"
  double allowed, predicted;
  double excess;  // relative to what is allowed, over 0
};

// How the objective weighs what it adds up; see score().
struct Weights {
  double accuracy = 0.5, memory = 0.3, speed = 0.2;
};

struct Assessed {
  Candidate candidate;
  Prediction prediction;
  std::vector<Violation> violations;
  double score = 0;  // less is better
  bool executable = true;
  modelkit::Message obstacle;  // why it is not
  bool pareto =
      false;  // no other candidate is better in one of loss, memory and speed and no worse in the rest

  bool feasible() const { return violations.empty(); }
  double excess() const;  // of all violations
};

std::vector<Violation> violations_of(const Prediction& prediction, const Limits& limits);

// accuracy · loss / (the limit, or 5 %) + memory · memory / (the limit, or the memory now) + speed / speedup.
double score(const Prediction& prediction, const Subject& subject, const Limits& limits,
             const Weights& weights);

// What is needed beside the numbers: the steps that the workflow can take ("keep" and "ptq", which are
// sixteen bits for a model that has no more and for one that has; "rtn", "fp8", "nf4", "gptq", "awq",
// "mixed", "w8a8"; "n_m", "structured"), and what the objective and earlier attempts say.
struct Options {
  std::set<std::string> methods;
  Weights weights;
  Correction correction;
};

// Whether carrying it out leaves the weights as they are.
bool changes_nothing(const Candidate& candidate, const Subject& subject);

// All candidates, best first: those that the workflow can take before the others, those that keep to the
// limits before the others; then by score, or by excess when nothing fits; then fewer steps, then the name.
std::vector<Assessed> ranked(const Subject& subject, const Limits& limits, const modelkit::GpuCatalogue& gpus,
                             const Options& options);

}  // namespace presswork::strategy
