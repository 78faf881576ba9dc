#include "plugins/modelkit/tokenizer/added_tokens.h"

#include <algorithm>

#include "plugins/modelkit/tokenizer/json_node.h"

namespace presswork::modelkit {

namespace {

// Bounds the search at each place of a text, and the size of the trees.
constexpr std::size_t longest_content = 1024, most_characters = std::size_t{16} << 20;

AddedToken read_token(const JsonNode& node) {
  AddedToken token;
  token.content = node.at("content").text();
  token.special = node.boolean("special", false);
  token.single_word = node.boolean("single_word", false);
  token.lstrip = node.boolean("lstrip", false);
  token.rstrip = node.boolean("rstrip", false);
  token.normalized = node.boolean("normalized", !token.special);
  if (token.content.size() > longest_content) {
    throw Error("unsupported", "an added token is longer than 1,024 bytes", node.where());
  }
  return token;
}

std::size_t white_space_before(std::string_view text, std::size_t at) {
  while (at > 0) {
    const std::size_t before = utf8::previous(text, at);
    if (!utf8::is_white_space(utf8::decode(text, before))) break;
    at = before;
  }
  return at;
}

std::size_t white_space_after(std::string_view text, std::size_t at) {
  while (at < text.size() && utf8::is_white_space(utf8::decode(text, at))) at += utf8::length(text[at]);
  return at;
}

}  // namespace

AddedTokens::AddedTokens(const JsonNode& node, const Vocabulary& vocabulary, const Normalizer* normalizer)
    : word_character_(std::string("[") + rust_word + "]", node.where()) {
  if (node.is_null()) return;
  std::size_t characters = 0;
  const auto model_count = static_cast<std::int32_t>(vocabulary.count());
  for (const JsonNode& item : node.elements()) {
    AddedToken token = read_token(item);
    if (token.content.empty()) continue;
    characters += token.content.size();
    if (characters > most_characters) item.wrong("at most 16 MiB of added tokens");
    if (const auto own = ids_.find(token.content); own != ids_.end()) {
      token.id = own->second;
    } else if (const auto known = vocabulary.id(token.content)) {
      token.id = *known;
    } else {
      token.id = std::max(model_count, ids_end_);
    }
    ids_[token.content] = token.id;
    ids_end_ = std::max(ids_end_, token.id + 1);
    tokens_[token.id] = std::move(token);
  }
  for (auto& [id, token] : tokens_) {
    token.shown = token.content;
    if (token.normalized && normalizer != nullptr) normalizer->apply(token.shown);
    (token.normalized ? in_normalized_ : as_given_).add(token.shown, id);
  }
}

void AddedTokens::Trie::add(std::string_view content, std::int32_t id) {
  if (content.empty()) return;
  starts[static_cast<unsigned char>(content[0])] = true;
  std::uint32_t at = 0;
  for (const char byte : content) {
    const std::uint64_t key = (std::uint64_t{at} << 8) | static_cast<unsigned char>(byte);
    const auto [child, is_new] = children.try_emplace(key, static_cast<std::uint32_t>(ids.size()));
    if (is_new) ids.push_back(-1);
    at = child->second;
  }
  ids[at] = id;
}

Segment AddedTokens::Trie::longest_at(std::string_view text, std::size_t at) const {
  Segment best{{at, at}, -1};
  std::uint32_t node = 0;
  for (std::size_t end = at; end < text.size(); ++end) {
    const auto child = children.find((std::uint64_t{node} << 8) | static_cast<unsigned char>(text[end]));
    if (child == children.end()) break;
    node = child->second;
    if (ids[node] >= 0) best = {{at, end + 1}, ids[node]};
  }
  return best;
}

bool AddedTokens::stands_alone(std::string_view text, Range range) const {
  const auto is_word = [&](std::size_t at) {
    bool found = false;
    word_character_.each_match(text.substr(at, utf8::length(text[at])), [&](Range) { found = true; });
    return found;
  };
  if (range.begin > 0 && is_word(utf8::previous(text, range.begin))) return false;
  return range.end == text.size() || !is_word(range.end);
}

std::vector<Segment> AddedTokens::split(std::string_view text, bool normalized) const {
  const Trie& trie = normalized ? in_normalized_ : as_given_;
  std::vector<Segment> segments;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (!trie.starts[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    Segment found = trie.longest_at(text, at);
    if (found.id < 0) {
      ++at;
      continue;
    }
    at = found.range.end;
    const AddedToken& token = tokens_.at(found.id);
    if (token.single_word && !stands_alone(text, found.range)) continue;
    if (token.lstrip) found.range.begin = std::max(white_space_before(text, found.range.begin), done);
    if (token.rstrip) found.range.end = white_space_after(text, found.range.end);
    if (done < found.range.begin) segments.push_back({{done, found.range.begin}, -1});
    segments.push_back(found);
    done = found.range.end;
  }
  if (done < text.size()) segments.push_back({{done, text.size()}, -1});
  return segments;
}

const AddedToken* AddedTokens::find(std::int32_t id) const {
  const auto found = tokens_.find(id);
  return found == tokens_.end() ? nullptr : &found->second;
}

std::int32_t AddedTokens::id(std::string_view content) const {
  const auto found = ids_.find(content);
  return found == ids_.end() ? -1 : found->second;
}

}  // namespace presswork::modelkit
