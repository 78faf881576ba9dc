#include "plugins/modelkit/inference/generator.h"

#include <algorithm>
#include <array>
#include <set>

#include "plugins/modelkit/tokenizer/utf8.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

// What `ids` add to the text of `prompt`: a decoder drops the space before a text's first word, which belongs
// to a continuation. Byte tokens may end in the middle of a character.
std::string continuation(const Tokenizer& tokenizer, std::span<const std::int32_t> prompt,
                         std::span<const std::int32_t> ids) {
  std::vector<std::int32_t> all(prompt.begin(), prompt.end());
  all.insert(all.end(), ids.begin(), ids.end());
  const std::string before = tokenizer.decode(prompt, true), whole = tokenizer.decode(all, true);
  return utf8::lossy(whole.starts_with(before) ? whole.substr(before.size()) : tokenizer.decode(ids, true));
}

}  // namespace

bool Generation::empty() const {
  for (std::size_t at = 0; at < text.size(); at += utf8::length(text[at])) {
    if (!utf8::is_white_space(utf8::decode(text, at))) return false;
  }
  return true;
}

double repeated_share(std::span<const std::int32_t> ids) {
  constexpr std::size_t kLength = 4;
  if (ids.size() < kLength) return 0.0;
  const std::size_t all = ids.size() - kLength + 1;
  std::set<std::array<std::int32_t, kLength>> distinct;
  for (std::size_t i = 0; i < all; ++i) distinct.insert({ids[i], ids[i + 1], ids[i + 2], ids[i + 3]});
  return 1.0 - static_cast<double>(distinct.size()) / static_cast<double>(all);
}

Generation generate(InferenceModel& model, const Tokenizer& tokenizer, const std::string& prompt,
                    const GenerationOptions& options) {
  Generation result;
  std::vector<std::int32_t> input = tokenizer.encode(prompt, true);
  if (input.empty()) {
    const auto start = model.config().bos_token;
    if (!start) {
      throw Error("invalid_parameter", "the prompt has no token, and the model no start token", "/prompt",
                  "give a prompt");
    }
    input.push_back(static_cast<std::int32_t>(*start));
  }
  Session session(model, input.size() + options.max_new_tokens);
  Random random(options.seed);
  const auto& ends = model.config().eos_tokens;
  try {
    std::span<const std::int32_t> fed = input;
    while (result.ids.size() < options.max_new_tokens) {
      const std::int32_t next = next_token(session.append(fed), options.sampler, random);
      result.ended = std::find(ends.begin(), ends.end(), next) != ends.end();
      if (result.ended) break;
      result.ids.push_back(next);
      if (options.progress) options.progress(result.ids.size());
      fed = std::span(result.ids).last(1);
    }
  } catch (const Error& error) {
    if (error.code != "not_finite") throw;
    result.finite = false;
    result.problem = error.what();
  }
  result.text = continuation(tokenizer, input, result.ids);
  result.repetition = repeated_share(result.ids);
  return result;
}

}  // namespace presswork::modelkit
