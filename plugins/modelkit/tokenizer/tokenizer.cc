#include "plugins/modelkit/tokenizer/tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "plugins/modelkit/checkpoint/folder_files.h"
#include "plugins/modelkit/formats/json_text.h"
#include "plugins/modelkit/tokenizer/added_tokens.h"
#include "plugins/modelkit/tokenizer/bpe.h"
#include "plugins/modelkit/tokenizer/decoder.h"
#include "plugins/modelkit/tokenizer/json_node.h"
#include "plugins/modelkit/tokenizer/normalizer.h"
#include "plugins/modelkit/tokenizer/post_processor.h"
#include "plugins/modelkit/tokenizer/pre_tokenizer.h"
#include "plugins/modelkit/tokenizer/utf8.h"
#include "presswork/error.h"

namespace presswork::modelkit {

namespace {

constexpr std::uint64_t largest_file = std::uint64_t{256} << 20;  // Gemma 3's is 33 MB

std::string read_file(const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::path root = std::filesystem::canonical(folder, error);
  if (error || !std::filesystem::exists(root / "tokenizer.json", error)) {
    throw Error("invalid_input", "the model has no tokenizer.json", folder.string(),
                "a tokenizer.model (SentencePiece) or vocab.json with merges.txt is converted by "
                "AutoTokenizer.from_pretrained(folder).save_pretrained(folder) of transformers");
  }
  return read_text_file(resolve_in_folder(root, "tokenizer.json"), largest_file);
}

nlohmann::json parse_file(std::string_view text, const std::string& where) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    throw broken_json(text, error.byte, where);
  } catch (const nlohmann::json::exception& error) {
    throw Error("corrupt_file", std::string("not JSON: ") + error.what(), where,
                "repair the file or download it again");
  }
}

const nlohmann::json& member_or_null(const nlohmann::json& file, const char* key) {
  static const nlohmann::json null;
  const auto found = file.find(key);
  return found == file.end() ? null : *found;
}

}  // namespace

struct Tokenizer::Parts {
  Parts(const nlohmann::json& file, const std::string& where)
      : normalizer(make_normalizer(part(file, where, "normalizer"))),
        pre_tokenizer(make_pre_tokenizer(part(file, where, "pre_tokenizer"))),
        bpe(part(file, where, "model")),
        post_processor(make_post_processor(part(file, where, "post_processor"))),
        decoder(make_decoder(part(file, where, "decoder"))),
        added(part(file, where, "added_tokens"), bpe.vocabulary(), normalizer.get()) {}

  static JsonNode part(const nlohmann::json& file, const std::string& where, const char* key) {
    return {member_or_null(file, key), where + "#/" + key};
  }

  // Text between added tokens, as the user wrote it. `at_start`: the user's text starts here.
  void encode_text(std::string_view text, bool at_start, Bpe::Scratch& scratch,
                   std::vector<std::int32_t>& ids) const {
    std::string normal(text);
    if (normalizer) normalizer->apply(normal);
    for (const Segment& segment : added.split(normal, true)) {
      if (segment.id >= 0) {
        ids.push_back(segment.id);
        continue;
      }
      const Range range = segment.range;
      Pieces pieces{normal.substr(range.begin, range.end - range.begin), {}, at_start && range.begin == 0};
      pieces.ranges.push_back({0, pieces.text.size()});
      if (pre_tokenizer) pre_tokenizer->apply(pieces);
      for (std::size_t i = 0; i < pieces.ranges.size(); ++i) bpe.encode(pieces.piece(i), scratch, ids);
    }
  }

  // The token of an id; added tokens first.
  std::string_view token(std::int32_t id) const {
    const AddedToken* own = added.find(id);
    return own != nullptr ? std::string_view(own->content) : bpe.vocabulary().token(id);
  }

  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  Bpe bpe;
  std::unique_ptr<PostProcessor> post_processor;
  std::unique_ptr<Decoder> decoder;
  AddedTokens added;
};

Tokenizer::Tokenizer(std::unique_ptr<const Parts> parts) : parts_(std::move(parts)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&& other) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&& other) noexcept = default;

Tokenizer Tokenizer::open(const std::filesystem::path& folder) {
  return parse(read_file(folder), (folder / "tokenizer.json").string());
}

Tokenizer Tokenizer::parse(std::string_view json, const std::string& where) {
  const nlohmann::json file = parse_file(json, where);
  if (!file.is_object()) throw Error("corrupt_file", "expected an object", where);
  if (!file.contains("model")) throw Error("corrupt_file", "\"model\" is missing", where);
  return Tokenizer(std::make_unique<const Parts>(file, where));
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, bool add_special) const {
  if (const std::size_t bad = utf8::find_invalid(text); bad != std::string_view::npos) {
    throw Error("invalid_input",
                "the text is not UTF-8: the byte at offset " + std::to_string(bad) + " is wrong", "",
                "convert the text, for example with iconv -t UTF-8");
  }
  std::vector<std::int32_t> ids;
  Bpe::Scratch scratch;
  for (const Segment& segment : parts_->added.split(text, false)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      const Range range = segment.range;
      parts_->encode_text(text.substr(range.begin, range.end - range.begin), range.begin == 0, scratch, ids);
    }
  }
  if (add_special && parts_->post_processor) parts_->post_processor->apply(ids);
  return ids;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const std::int32_t id : ids) {
    const AddedToken* added = parts_->added.find(id);
    if (added != nullptr) {
      if (!skip_special || !added->special) tokens.push_back(added->shown);
    } else if (const std::string_view token = parts_->bpe.vocabulary().token(id); token.data() != nullptr) {
      tokens.emplace_back(token);
    }
  }
  if (parts_->decoder) parts_->decoder->apply(tokens);
  std::string text;
  for (const std::string& token : tokens) {
    if (!parts_->decoder && !text.empty()) text += ' ';
    text += token;
  }
  return text;
}

std::int32_t Tokenizer::vocab_size() const {
  return std::max(parts_->bpe.vocabulary().ids_end(), parts_->added.ids_end());
}

std::optional<std::string> Tokenizer::token(std::int32_t id) const {
  const std::string_view token = parts_->token(id);
  if (token.data() == nullptr) return std::nullopt;
  return std::string(token);
}

std::optional<std::int32_t> Tokenizer::id(std::string_view token) const {
  if (const std::int32_t own = parts_->added.id(token); own >= 0) return own;
  return parts_->bpe.vocabulary().id(token);
}

}  // namespace presswork::modelkit
