// Which linear modules of a model are to be quantized.
#pragma once

#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/architecture.h"

namespace presswork::modelkit {

struct PatternMatch {
  std::string parameter;  // "ignore"
  std::string pattern;
  std::size_t modules = 0;  // that it matches, whatever the others say
};

struct QuantizationTargets {
  std::vector<LinearSite> modules;    // to be quantized, by whole name, in the order of the model
  std::vector<std::string> ignored;   // linears that stay as they are, by exact name
  std::string tied_head;              // one of them, always; "" where the head is a weight of its own
  std::vector<PatternMatch> matches;  // of each pattern

  // What is quantized, what is kept, and what each pattern matched: a line each, layers taken together; those
  // of a module that is in some layers only are told by number.
  std::vector<std::string> report() const;
};

// Candidates are the decoder's linears and the head (unless it is tied to the embedding; embeddings are never
// quantized). With `targets` only those that one of its patterns matches; `ignore` takes them out again.
// Patterns: exact names, "re:..." or globs (module_pattern.h). One that matches no module throws
// "invalid_parameter" at /ignore/<index> or /targets/<index> with the names of modules, or saying that the
// head is tied; in `ignore` the embedding, routers and a tied head may be named too, and "lm_head" is the
// head whatever the architecture calls it.
QuantizationTargets select_targets(const ModelConfig& model, const std::vector<std::string>& ignore,
                                   const std::vector<std::string>& targets = {});

}  // namespace presswork::modelkit
