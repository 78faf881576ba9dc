// A candidate: steps that make a model smaller, in the guide's words, with what our stages need to take them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace presswork::strategy {

using Json = nlohmann::json;

struct Step {
  std::string type;    // quantization, pruning, optimization
  std::string method;  // ptq, rtn, fp8, nf4, gptq, awq, mixed, w8a8; structured, n_m; inference_engine, ...
  std::string target_precision;  // of a quantization: int4, nf4, int8, fp8, fp16
  double sparsity = 0;           // of a pruning
  int group_size = 0;            // of a quantization to integers; 0: a scale for each row
  bool symmetric = true;
};

struct Candidate {
  std::string id;  // "gptq-int4-g128"
  std::vector<Step> steps;
  bool from_guide = false;

  const Step* quantization() const { return find("quantization"); }  // or null
  const Step* pruning() const { return find("pruning"); }
  const Step* find(const char* type) const;
};

Json to_json(const Step& step);

// The guide's three, and what else is worth a look: each method at several group sizes, and with 2:4 pruning.
std::vector<Candidate> candidates();

// Whether it is to integers, whose group size and symmetry the candidate chooses.
bool to_integers(const Step& quantization);

// Bits of a weight, without scales.
int width_of(const Step& quantization);

// The guide's base rule (SPEC.md §3): by the ratio of the current memory to the target's.
struct GuideChoice {
  std::string id;    // of candidates()
  std::string band;  // extreme, moderate, light
  double required_ratio = 0;
};
GuideChoice guide_rule(double current_memory_gb, double target_memory_gb);

// The guide's estimate in percent: int4 3.0, int8 1.5, fp16 0.5; plus 5 times the sparsity; at most 15. The
// guide knows neither nf4 nor fp8: they count as the integers of their width.
double guide_accuracy_impact(const Candidate& candidate);

}  // namespace presswork::strategy
