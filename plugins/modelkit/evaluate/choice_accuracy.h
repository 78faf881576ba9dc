// How often a model finds the right one of several continuations the likeliest: accuracy as the Language
// Model Evaluation Harness (lm-eval) defines it for tasks of the kind multiple_choice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plugins/modelkit/data/questions.h"
#include "plugins/modelkit/evaluate/perplexity.h"
#include "plugins/modelkit/evaluate/statistics.h"
#include "plugins/modelkit/tokenizer/tokenizer.h"

namespace presswork::modelkit {

// Tokens of a context and its continuation; the last `scored` are the continuation's.
struct ScoredSequence {
  std::vector<std::int32_t> ids;
  std::size_t scored = 0;
};

// Context and continuation are tokenized together, with the tokens that the tokenizer puts around a text
// (<s>), and white space at the context's end counting to the continuation (lm-eval's _encode_pair). A
// context without a token becomes the model's start token, or its end token when there is none. Beyond `most`
// tokens (0: no limit) the first are dropped; a continuation that alone is longer throws "invalid_input".
ScoredSequence scored_sequence(const Tokenizer& tokenizer, const ModelConfig& model, std::string context,
                               std::string continuation, std::size_t most);

struct AnsweredQuestion {
  std::vector<double> log_likelihoods;     // nats, of each choice
  std::size_t likeliest = 0;               // first with the largest
  std::size_t likeliest_by_character = 0;  // the same of log-likelihood / characters of the choice
};

struct ChoiceAccuracy {
  std::vector<AnsweredQuestion> answers;
  Mean accuracy, accuracy_norm;  // of likeliest and of likeliest_by_character
  double chance = 0.0;           // accuracy of guessing
};

class ChoicePass {
 public:
  // Between context and choice stands `delimiter`.
  ChoicePass(const std::vector<Question>& questions, const Tokenizer& tokenizer, const ModelConfig& model,
             const std::string& delimiter);

  // All sequences in one set of windows, filled up at their ends, where nothing looks back from.
  const TokenWindows& windows() const { return windows_; }
  std::uint64_t scored() const;  // tokens of all continuations

  // Errors as perplexity().
  ChoiceAccuracy run(Transformer& model, const PassOptions& options) const;

 private:
  const std::vector<Question>& questions_;
  std::vector<ScoredSequence> sequences_;
  TokenWindows windows_;
};

}  // namespace presswork::modelkit
