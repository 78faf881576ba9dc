#include "plugins/modelkit/evaluate/choice_accuracy.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "plugins/modelkit/tokenizer/utf8.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

std::size_t characters(const std::string& text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); at += utf8::length(text[at])) ++count;
  return count;
}

// Moves white space from the end of `context` to the start of `continuation`.
void move_white_space(std::string& context, std::string& continuation) {
  std::size_t end = context.size();
  while (end > 0) {
    const std::size_t before = utf8::previous(context, end);
    if (!utf8::is_white_space(utf8::decode(context, before))) break;
    end = before;
  }
  continuation.insert(0, context, end);
  context.resize(end);
}

std::vector<ScoredSequence> sequences_of(const std::vector<Question>& questions, const Tokenizer& tokenizer,
                                         const ModelConfig& model, const std::string& delimiter) {
  std::vector<ScoredSequence> sequences;
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(0, model.max_position));
  for (const Question& question : questions) {
    for (const std::string& choice : question.choices) {
      sequences.push_back(scored_sequence(tokenizer, model, question.context, delimiter + choice, most));
    }
  }
  return sequences;
}

TokenWindows filled_up(const std::vector<ScoredSequence>& sequences) {
  std::size_t length = 0;
  for (const auto& sequence : sequences) length = std::max(length, sequence.ids.size());
  std::vector<std::int32_t> ids(sequences.size() * length, 0);
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    std::copy(sequences[i].ids.begin(), sequences[i].ids.end(),
              ids.begin() + static_cast<std::ptrdiff_t>(i * length));
  }
  return {std::move(ids), length};
}

std::size_t place_of_largest(const std::vector<double>& values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

AnsweredQuestion answered(const Question& question, std::vector<double> log_likelihoods) {
  std::vector<double> by_character = log_likelihoods;
  for (std::size_t i = 0; i < by_character.size(); ++i) {
    by_character[i] /= static_cast<double>(characters(question.choices[i]));
  }
  const std::size_t likeliest = place_of_largest(log_likelihoods);
  return {std::move(log_likelihoods), likeliest, place_of_largest(by_character)};
}

// What an empty context becomes.
std::int32_t start_token(const ModelConfig& model) {
  if (model.bos_token) return static_cast<std::int32_t>(*model.bos_token);
  if (!model.eos_tokens.empty()) return static_cast<std::int32_t>(model.eos_tokens.front());
  throw Error("invalid_input", "a context is empty, and the model has neither start nor end token",
              "questions", "give every question a context");
}

}  // namespace

ScoredSequence scored_sequence(const Tokenizer& tokenizer, const ModelConfig& model, std::string context,
                               std::string continuation, std::size_t most) {
  move_white_space(context, continuation);
  const std::size_t before = tokenizer.encode(context, true).size();
  ScoredSequence sequence;
  sequence.ids = tokenizer.encode(context + continuation, true);
  sequence.scored = sequence.ids.size() - std::min(before, sequence.ids.size());
  if (before == 0) {
    sequence.ids.insert(sequence.ids.begin(), start_token(model));
  }
  if (most == 0 || sequence.ids.size() <= most) return sequence;
  if (sequence.scored >= most) {
    throw Error("invalid_input",
                "a choice has " + std::to_string(sequence.scored) + " tokens; the model knows " +
                    std::to_string(most) + " positions",
                "questions", "shorten it");
  }
  sequence.ids.erase(sequence.ids.begin(), sequence.ids.end() - static_cast<std::ptrdiff_t>(most));
  return sequence;
}

ChoicePass::ChoicePass(const std::vector<Question>& questions, const Tokenizer& tokenizer,
                       const ModelConfig& model, const std::string& delimiter)
    : questions_(questions),
      sequences_(sequences_of(questions, tokenizer, model, delimiter)),
      windows_(filled_up(sequences_)) {}

std::uint64_t ChoicePass::scored() const {
  return std::accumulate(sequences_.begin(), sequences_.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& sequence) { return sum + sequence.scored; });
}

ChoiceAccuracy ChoicePass::run(Transformer& model, const PassOptions& options) const {
  const std::size_t length = windows_.length();
  std::vector<std::int32_t> targets(windows_.ids().size(), -1);
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    const auto& ids = sequences_[i].ids;
    for (std::size_t t = ids.size() - sequences_[i].scored; t < ids.size(); ++t) {
      targets[i * length + t - 1] = ids[t];
    }
  }
  const auto losses = token_losses(model, windows_, targets, options);
  ChoiceAccuracy result;
  WindowedMean accuracy, accuracy_norm;
  std::size_t sequence = 0;
  for (const Question& question : questions_) {
    std::vector<double> log_likelihoods;
    for (std::size_t i = 0; i < question.choices.size(); ++i, ++sequence) {
      const auto first = losses.begin() + static_cast<std::ptrdiff_t>(sequence * length);
      log_likelihoods.push_back(-std::accumulate(first, first + static_cast<std::ptrdiff_t>(length), 0.0));
    }
    result.answers.push_back(answered(question, std::move(log_likelihoods)));
    const double right = result.answers.back().likeliest == question.answer ? 1.0 : 0.0;
    const double right_norm = result.answers.back().likeliest_by_character == question.answer ? 1.0 : 0.0;
    accuracy.add(std::span(&right, 1));
    accuracy_norm.add(std::span(&right_norm, 1));
    result.chance += 1.0 / static_cast<double>(question.choices.size() * questions_.size());
  }
  result.accuracy = accuracy.mean();
  result.accuracy_norm = accuracy_norm.mean();
  return result;
}

}  // namespace presswork::modelkit
