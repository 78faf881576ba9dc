#include "plugins/modelkit/tokenizer/vocabulary.h"

#include <algorithm>
#include <limits>

#include "plugins/modelkit/tokenizer/json_node.h"

namespace presswork::modelkit {

namespace {
// Gaps in the ids that are still believable: padded vocabularies leave some.
constexpr std::size_t gap_factor = 16, gap_allowance = 65536;
}  // namespace

Vocabulary::Vocabulary(const JsonNode& node) {
  if (!node.value().is_object()) node.wrong("an object of tokens and ids");
  const std::size_t count = node.value().size();
  const std::size_t most =
      std::min<std::size_t>(count * gap_factor + gap_allowance, std::numeric_limits<std::int32_t>::max() - 1);
  std::size_t characters = 0, highest = 0;
  for (const auto& item : node.value().items()) {
    const JsonNode id(item.value(), node.where());
    highest = std::max(highest, static_cast<std::size_t>(id.number(static_cast<std::int64_t>(most))));
    characters += item.key().size();
  }
  characters_.reserve(characters + 1);  // + 1: never null, so that views of empty tokens are not null either
  tokens_.resize(count == 0 ? 0 : highest + 1);
  ids_.reserve(count);
  for (const auto& item : node.value().items()) {
    const std::size_t begin = characters_.size();
    characters_.insert(characters_.end(), item.key().begin(), item.key().end());
    const std::string_view token(characters_.data() + begin, item.key().size());
    const auto id = item.value().get<std::int32_t>();
    tokens_[static_cast<std::size_t>(id)] = token;
    ids_.emplace(token, id);
  }
}

}  // namespace presswork::modelkit
