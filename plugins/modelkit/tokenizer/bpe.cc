#include "plugins/modelkit/tokenizer/bpe.h"

#include <algorithm>
#include <limits>

#include "plugins/modelkit/tokenizer/byte_token.h"
#include "plugins/modelkit/tokenizer/json_node.h"
#include "plugins/modelkit/tokenizer/merge_work.h"

namespace presswork::modelkit {

namespace {

constexpr std::string_view mark = "\xE2\x96\x81";  // U+2581, a space in SentencePiece vocabularies

// Words longer than this are rare and not worth remembering; neither are more than so many.
constexpr std::size_t longest_known = 256, most_known = 200'000;
constexpr std::size_t longest_word = std::size_t{1} << 30;

const JsonNode& checked_model(const JsonNode& node) {
  if (!node.value().is_object()) node.wrong("an object");
  // Old files have no "type"; a BPE model is known by its merges.
  const std::string type = node.text("type", node.has("merges") ? "BPE" : "");
  if (type != "BPE") node.unknown_type("model", "BPE");
  if (node.gives("dropout") && node.at("dropout").value() != 0.0) {
    throw Error("unsupported", "BPE dropout makes encoding random", node.where() + "/dropout",
                "set it to null in tokenizer.json");
  }
  return node;
}

// Both spellings: ["a", "b"] and "a b".
std::pair<std::string_view, std::string_view> read_pair(const nlohmann::json& item, const JsonNode& merges,
                                                        std::size_t index) {
  const auto wrong = [&](const char* what) {
    throw Error("corrupt_file", what, merges.where() + "/" + std::to_string(index));
  };
  if (item.is_array()) {
    if (item.size() != 2 || !item[0].is_string() || !item[1].is_string()) wrong("a merge is two tokens");
    return {item[0].get_ref<const std::string&>(), item[1].get_ref<const std::string&>()};
  }
  if (!item.is_string()) wrong("a merge is [\"a\", \"b\"] or \"a b\"");
  const std::string_view text = item.get_ref<const std::string&>();
  const std::size_t space = text.find(' ');
  if (space == text.npos || text.find(' ', space + 1) != text.npos) wrong("a merge is two tokens");
  return {text.substr(0, space), text.substr(space + 1)};
}

const nlohmann::json& array_of(const JsonNode& node) {
  if (!node.value().is_array()) node.wrong("an array");
  return node.value();
}

}  // namespace

Bpe::Bpe(const JsonNode& node)
    : vocabulary_(checked_model(node).at("vocab")),
      merges_(array_of(node.at("merges")).size()),
      flags_{node.boolean("byte_fallback", false), node.boolean("fuse_unk", false),
             node.boolean("ignore_merges", false)},
      prefix_(node.text("continuing_subword_prefix", "")),
      suffix_(node.text("end_of_word_suffix", "")) {
  if (node.gives("unk_token")) {
    const JsonNode unknown = node.at("unk_token");
    const auto id = vocabulary_.id(unknown.text());
    if (!id) throw Error("corrupt_file", "the unknown token is not in the vocabulary", unknown.where());
    unknown_ = *id;
  }
  cuts_at_mark_ = prefix_.empty() && suffix_.empty() && vocabulary_.id(mark).has_value() &&
                  !(unknown_ >= 0 && vocabulary_.token(unknown_).ends_with(mark));
  read_merges(node.at("merges"));
  index_characters();
}

void Bpe::read_merges(const JsonNode& node) {
  std::uint32_t rank = 0;
  std::string merged;
  for (const nlohmann::json& item : array_of(node)) {
    if (item.is_string() && item.get_ref<const std::string&>().starts_with("#version")) continue;
    const auto [left, right] = read_pair(item, node, rank);
    const auto left_id = vocabulary_.id(left), right_id = vocabulary_.id(right);
    merged = left;
    if (right.size() >= prefix_.size()) merged += right.substr(prefix_.size());
    const auto id = vocabulary_.id(merged);
    if (!left_id || !right_id || !id) {
      throw Error("corrupt_file", "a merge names a token that the vocabulary lacks",
                  node.where() + "/" + std::to_string(rank));
    }
    merges_.put(*left_id, *right_id, {rank, *id});
    if (right.starts_with(mark) && !left.ends_with(mark)) cuts_at_mark_ = false;
    ++rank;
  }
}

void Bpe::index_characters() {
  character_ids_.assign(0x10000, -1);
  for (std::int32_t id = 0; id < vocabulary_.ids_end(); ++id) {
    const std::string_view token = vocabulary_.token(id);
    if (token.empty() || utf8::length(token[0]) != token.size() || token.size() > 3) continue;
    const auto found = vocabulary_.id(token);
    character_ids_[utf8::decode(token, 0)] = found ? *found : id;
  }
  for (int byte = 0; byte < 256; ++byte) {
    const auto id = vocabulary_.id(byte_token(static_cast<unsigned char>(byte)));
    byte_ids_[static_cast<std::size_t>(byte)] = id ? *id : -1;
  }
}

std::int32_t Bpe::character_id(std::string_view character) const {
  if (character.size() <= 3) return character_ids_[utf8::decode(character, 0)];
  const auto id = vocabulary_.id(character);
  return id ? *id : -1;
}

bool Bpe::append_bytes(std::string_view character, std::vector<std::int32_t>& symbols) const {
  const auto id_of = [&](char byte) { return byte_ids_[static_cast<unsigned char>(byte)]; };
  if (std::any_of(character.begin(), character.end(), [&](char byte) { return id_of(byte) < 0; }))
    return false;
  for (const char byte : character) symbols.push_back(id_of(byte));
  return true;
}

// The symbols before any merge. An unknown character is held back until the next known one, so that a run of
// them can become one token; byte tokens do not end such a run (as in Hugging Face tokenizers).
void Bpe::start_symbols(std::string_view word, std::vector<std::int32_t>& symbols) const {
  const bool plain = prefix_.empty() && suffix_.empty();
  bool pending = false;
  std::string decorated;
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t size = utf8::length(word[at]);
    std::string_view character = word.substr(at, size);
    std::int32_t id = -1;
    if (plain) {
      id = character_id(character);
    } else {
      decorated = at == 0 ? "" : prefix_;
      decorated += character;
      if (at + size == word.size()) decorated += suffix_;
      character = decorated;
      const auto found = vocabulary_.id(character);
      id = found ? *found : -1;
    }
    at += size;
    if (id >= 0) {
      if (pending) symbols.push_back(unknown_);
      pending = false;
      symbols.push_back(id);
    } else if (flags_.byte_fallback && append_bytes(character, symbols)) {
      continue;
    } else if (unknown_ >= 0) {
      if (pending && !flags_.fuse_unknown) symbols.push_back(unknown_);
      pending = true;
    }
  }
  if (pending) symbols.push_back(unknown_);
}

void Bpe::encode_word(std::string_view word, Scratch& scratch, std::vector<std::int32_t>& ids) const {
  if (word.size() > longest_word) {
    throw Error("invalid_input", "a piece of the text is longer than 1 GiB", "", "cut the text");
  }
  const bool remembers = word.size() <= longest_known;
  if (remembers) {
    const auto known = scratch.known.find(word);
    if (known != scratch.known.end()) {
      const auto begin = scratch.ids_of_known.begin() + known->second.begin;
      ids.insert(ids.end(), begin, begin + known->second.count);
      return;
    }
  }
  scratch.start.clear();
  start_symbols(word, scratch.start);
  const std::size_t before = ids.size();
  MergeWork(merges_, scratch).run(ids);
  if (remembers && scratch.known.size() < most_known) {
    const auto begin = static_cast<std::uint32_t>(scratch.ids_of_known.size());
    scratch.known.emplace(word, Scratch::Known{begin, static_cast<std::uint32_t>(ids.size() - before)});
    scratch.ids_of_known.insert(scratch.ids_of_known.end(), ids.begin() + static_cast<std::ptrdiff_t>(before),
                                ids.end());
  }
}

void Bpe::encode(std::string_view piece, Scratch& scratch, std::vector<std::int32_t>& ids) const {
  if (piece.empty()) return;
  if (flags_.ignore_merges) {
    if (const auto whole = vocabulary_.id(piece)) {
      ids.push_back(*whole);
      return;
    }
  }
  if (!cuts_at_mark_) return encode_word(piece, scratch, ids);
  // No merge joins a mark to what stands before it, so the words can be encoded, and remembered, one by one.
  std::size_t begin = 0;
  while (begin < piece.size()) {
    std::size_t end = begin;
    while (piece.substr(end, mark.size()) == mark) end += mark.size();
    end = std::min(piece.find(mark, end), piece.size());
    encode_word(piece.substr(begin, end - begin), scratch, ids);
    begin = end;
  }
}

}  // namespace presswork::modelkit
