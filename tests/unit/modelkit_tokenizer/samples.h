// Small tokenizer.json files for the tests.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "plugins/modelkit/tokenizer/tokenizer.h"
#include "presswork/error.h"

namespace presswork::modelkit {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;

// A model over `tokens` (ids in that order) and `merges` ("a b").
inline json sample(const std::vector<std::string>& tokens, const std::vector<std::string>& merges = {}) {
  json vocab = json::object();
  for (const std::string& token : tokens) vocab[token] = vocab.size();
  return {{"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}};
}

inline Tokenizer make(const json& file) { return Tokenizer::parse(file.dump(), "test.json"); }

// The tokens of `text`, as the vocabulary spells them.
inline std::vector<std::string> tokens_of(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<std::string> tokens;
  for (const std::int32_t id : tokenizer.encode(text, false)) tokens.push_back(*tokenizer.token(id));
  return tokens;
}

// A tokenizer whose tokens are whole pieces: `words` are all that it knows.
inline json word_sample(const std::vector<std::string>& words) {
  json file = sample(words);
  file["model"]["ignore_merges"] = true;
  return file;
}

}  // namespace presswork::modelkit
