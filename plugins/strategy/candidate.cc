#include "plugins/strategy/candidate.h"

#include <algorithm>

#include "plugins/modelkit/estimate/memory.h"

namespace presswork::strategy {
namespace {

Step quantize(const char* method, const char* precision, int group_size = 0, bool symmetric = true) {
  return {.type = "quantization",
          .method = method,
          .target_precision = precision,
          .sparsity = 0,
          .group_size = group_size,
          .symmetric = symmetric};
}

Step prune(const char* method, double sparsity) {
  return {.type = "pruning", .method = method, .target_precision = {}, .sparsity = sparsity};
}

Step optimize(const char* method) {
  return {.type = "optimization", .method = method, .target_precision = {}};
}

constexpr double kHalf = 0.5;  // of the weights are zeros in a 2:4 pattern

std::vector<Candidate> guides() {
  return {{"guide-gptq-int4-pruned",
           {quantize("gptq", "int4", 128), prune("structured", 0.3), optimize("inference_engine")},
           true},
          {"guide-awq-int8", {quantize("awq", "int8", 128), optimize("inference_engine")}, true},
          {"guide-ptq-fp16", {quantize("ptq", "fp16"), optimize("graph_optimization")}, true}};
}

void add_integers(std::vector<Candidate>& all) {
  all.push_back({"rtn-int8", {quantize("rtn", "int8"), optimize("inference_engine")}});
  all.push_back({"gptq-int8", {quantize("gptq", "int8"), optimize("inference_engine")}});
  all.push_back({"gptq-int8-g32", {quantize("gptq", "int8", 32), optimize("inference_engine")}});
  all.push_back({"w8a8", {quantize("w8a8", "int8"), optimize("inference_engine")}});
  for (const int group : {128, 32}) {
    all.push_back({"mixed-4bit-g" + std::to_string(group),
                   {quantize("mixed", "int4", group), optimize("inference_engine")}});
  }
  for (const char* method : {"rtn", "gptq", "awq"}) {
    for (const int group : {128, 32}) {
      for (const bool symmetric : {true, false}) {
        all.push_back({std::string(method) + "-int4-g" + std::to_string(group) + (symmetric ? "" : "-asym"),
                       {quantize(method, "int4", group, symmetric), optimize("inference_engine")}});
      }
    }
  }
}

void add_floats(std::vector<Candidate>& all) {
  for (const char* precision : {"fp8", "nf4"}) {
    all.push_back(
        {std::string("rtn-") + precision, {quantize(precision, precision), optimize("inference_engine")}});
  }
}

}  // namespace

const Step* Candidate::find(const char* type) const {
  const auto found =
      std::find_if(steps.begin(), steps.end(), [&](const Step& step) { return step.type == type; });
  return found == steps.end() ? nullptr : &*found;
}

Json to_json(const Step& step) {
  Json json = {{"type", step.type}, {"method", step.method}};
  if (step.type == "pruning") json["sparsity"] = step.sparsity;
  if (step.type != "quantization") return json;
  json["target_precision"] = step.target_precision;
  if (!to_integers(step)) return json;
  json["group_size"] = step.group_size;
  json["symmetric"] = step.symmetric;
  return json;
}

std::vector<Candidate> candidates() {
  std::vector<Candidate> all = guides();
  add_integers(all);
  add_floats(all);
  for (const char* method : {"rtn", "gptq"}) {
    const bool rounded = method[0] == 'r';
    all.push_back(
        {std::string(method) + "-int4-g32-pruned-2of4",
         {quantize(method, "int4", 32, !rounded), prune("n_m", kHalf), optimize("inference_engine")}});
  }
  all.push_back({"pruned-2of4", {prune("n_m", kHalf), optimize("graph_optimization")}});
  return all;
}

bool to_integers(const Step& quantization) {
  return quantization.target_precision == "int4" || quantization.target_precision == "int8";
}

int width_of(const Step& quantization) {
  return quantization.target_precision == "fp8" ? 8
                                                : modelkit::bits_per_parameter(quantization.target_precision);
}

GuideChoice guide_rule(double current_memory_gb, double target_memory_gb) {
  const double ratio = current_memory_gb / target_memory_gb;
  if (ratio > 4) return {"guide-gptq-int4-pruned", "extreme", ratio};
  if (ratio > 2) return {"guide-awq-int8", "moderate", ratio};
  return {"guide-ptq-fp16", "light", ratio};
}

double guide_accuracy_impact(const Candidate& candidate) {
  constexpr double kMost = 15;
  double impact = 0;
  for (const Step& step : candidate.steps) {
    if (step.target_precision == "int4" || step.target_precision == "nf4") impact += 3.0;
    if (step.target_precision == "int8" || step.target_precision == "fp8") impact += 1.5;
    if (step.target_precision == "fp16") impact += 0.5;
    if (step.type == "pruning") impact += step.sparsity * 5;
  }
  return std::min(impact, kMost);
}

}  // namespace presswork::strategy
