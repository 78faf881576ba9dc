// Facts of a run as the engine gives them: load, data, two evaluations around a quantization, a decision.
#pragma once

#include <string>

#include "plugins/report/run_facts.h"

namespace presswork::summary {

inline Json artifact(const char* type, const char* digest) { return {{"type", type}, {"digest", digest}}; }
inline Json input(const char* instance, const char* output, const char* type, const char* digest) {
  return {{"instance", instance}, {"output", output}, {"type", type}, {"digest", digest}};
}

inline Json instance(const char* id, const char* uses, const Json& with, const Json& inputs,
                     const Json& outputs, const Json& metrics, double seconds) {
  return {{"id", id},           {"uses", uses},       {"state", "succeeded"},
          {"cause", ""},        {"with", with},       {"inputs", inputs},
          {"outputs", outputs}, {"metrics", metrics}, {"seconds", seconds}};
}

inline Json evaluation(const char* id, const Json& model, double perplexity, const char* text = "sha256:text",
                       int window = 256) {
  return instance(id, "evaluate/perplexity", {{"window", window}},
                  {{"model", model}, {"text", input("eval", "text", "text", text)}}, Json::object(),
                  {{"perplexity", perplexity},
                   {"stderr", 0.5},
                   {"tokens_per_s", 1000.0},
                   {"peak_memory_bytes", 110'000'000},
                   {"predicted_peak_memory_bytes", 100'000'000}},
                  1.5);
}

inline Json sample_facts() {
  const Json original = input("load", "model", "model", "sha256:original");
  const Json smaller = input("quantize", "model", "model", "sha256:small");
  return {
      {"workflow", "quantize-int4"},
      {"parameters", {{"bits", 4}}},
      {"instances",
       {instance("load", "model/load", {{"path", "/models/tiny"}}, Json::object(),
                 {{"model", artifact("model", "sha256:original")}},
                 {{"bytes", 4000}, {"parameters", 1797248}}, 0.1),
        instance("eval", "data/text", {{"path", "/texts/eval.txt"}}, Json::object(),
                 {{"text", artifact("text", "sha256:text")}}, {{"bytes", 1000}}, 0.1),
        evaluation("before", original, 30.0),
        instance("quantize", "quantize/rtn", {{"bits", 4}}, {{"model", original}},
                 {{"model", artifact("model", "sha256:small")}},
                 {{"compression_ratio", 3.2}, {"original_bytes", 4000}, {"compressed_bytes", 1250}}, 65.0),
        evaluation("after", smaller, 31.2)}},
      {"decisions",
       {{{"id", "memory_over_limit"}, {"branch", "yes"}, {"inputs", {{"params.memory_gb", 16}}}}}},
      {"checklist",
       {{{"title", "Runs | at all"}, {"required", true}, {"state", "pass"}, {"why", "after.state"}}}}};
}

}  // namespace presswork::summary
