#include "plugins/modelkit/tokenizer/pre_tokenizer.h"

#include "plugins/modelkit/tokenizer/byte_level.h"
#include "plugins/modelkit/tokenizer/json_node.h"
#include "plugins/modelkit/tokenizer/metaspace.h"
#include "plugins/modelkit/tokenizer/pattern.h"
#include "plugins/modelkit/tokenizer/split.h"

namespace presswork::modelkit {

namespace {

// Splits every piece; each_match(text, visit) finds the delimiters.
template <class EachMatch>
void split_pieces(Pieces& pieces, SplitBehavior behavior, bool invert, EachMatch each_match) {
  std::vector<Range> ranges;
  ranges.reserve(pieces.ranges.size());
  for (std::size_t i = 0; i < pieces.ranges.size(); ++i) {
    const std::string_view text = pieces.piece(i);
    const std::size_t base = pieces.ranges[i].begin;
    Parts parts(text, invert);
    each_match(text, [&](Range match) { parts.add_match(match); });
    const std::vector<Range> cut = parts.split(behavior);
    if (i == 0) pieces.at_start = pieces.at_start && !cut.empty() && cut[0].begin == 0;
    for (const Range range : cut) ranges.push_back({base + range.begin, base + range.end});
  }
  pieces.ranges = std::move(ranges);
}

// Rewrites every piece; append(out, piece, is_first).
template <class Append>
void rewrite_pieces(Pieces& pieces, Append append) {
  std::string text;
  text.reserve(pieces.text.size() + pieces.text.size() / 2);
  for (std::size_t i = 0; i < pieces.ranges.size(); ++i) {
    const std::size_t begin = text.size();
    append(text, pieces.piece(i), i == 0);
    pieces.ranges[i] = {begin, text.size()};
  }
  pieces.text = std::move(text);
}

class Sequence final : public PreTokenizer {
 public:
  Sequence(const JsonNode& node, int depth) {
    for (const JsonNode& part : node.at("pretokenizers").elements()) {
      parts_.push_back(make_pre_tokenizer(part, depth + 1));
    }
  }
  void apply(Pieces& pieces) const override {
    for (const auto& part : parts_) {
      if (part) part->apply(pieces);
    }
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

class Split final : public PreTokenizer {
 public:
  explicit Split(const JsonNode& node)
      : pattern_(node.at("pattern")),
        behavior_(parse_behavior(node.at("behavior"))),
        invert_(node.boolean("invert", false)) {}
  void apply(Pieces& pieces) const override {
    split_pieces(pieces, behavior_, invert_,
                 [&](std::string_view text, auto visit) { pattern_.each_match(text, visit); });
  }

 private:
  Pattern pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

// A split at a fixed expression: Digits, Punctuation, Whitespace...
class FixedSplit final : public PreTokenizer {
 public:
  FixedSplit(const std::string& pattern, const std::string& where, SplitBehavior behavior,
             bool invert = false)
      : regex_(pattern, where), behavior_(behavior), invert_(invert) {}
  void apply(Pieces& pieces) const override {
    split_pieces(pieces, behavior_, invert_,
                 [&](std::string_view text, auto visit) { regex_.each_match(text, visit); });
  }

 private:
  Regex regex_;
  SplitBehavior behavior_;
  bool invert_;
};

class ByteLevel final : public PreTokenizer {
 public:
  explicit ByteLevel(const JsonNode& node) : add_prefix_space_(node.boolean("add_prefix_space", true)) {
    // GPT-2's expression.
    static constexpr const char* pattern =
        R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
    if (node.boolean("use_regex", true)) regex_.emplace(pattern, node.where());
  }
  void apply(Pieces& pieces) const override {
    if (add_prefix_space_) {
      rewrite_pieces(pieces, [](std::string& out, std::string_view piece, bool) {
        if (piece[0] != ' ') out += ' ';
        out += piece;
      });
    }
    if (regex_) {
      split_pieces(pieces, SplitBehavior::isolated, false,
                   [&](std::string_view text, auto visit) { regex_->each_match(text, visit); });
    }
    rewrite_pieces(pieces, [](std::string& out, std::string_view piece, bool) {
      byte_level::append_encoded(out, piece);
    });
  }

 private:
  bool add_prefix_space_;
  std::optional<Regex> regex_;
};

class MetaspaceCut final : public PreTokenizer {
 public:
  explicit MetaspaceCut(const JsonNode& node) : metaspace_(node) {}
  void apply(Pieces& pieces) const override {
    rewrite_pieces(pieces, [&](std::string& out, std::string_view piece, bool is_first) {
      const bool at_start = is_first && pieces.at_start;
      const bool prepends = metaspace_.scheme == Metaspace::Scheme::always ||
                            (metaspace_.scheme == Metaspace::Scheme::first && at_start);
      const bool marked = piece[0] == ' ' || piece.starts_with(metaspace_.mark);
      if (prepends && !marked) out += metaspace_.mark;
      for (const char c : piece) {
        if (c == ' ') {
          out += metaspace_.mark;
        } else {
          out += c;
        }
      }
    });
    if (!metaspace_.split) return;
    split_pieces(pieces, SplitBehavior::merged_with_next, false, [&](std::string_view text, auto visit) {
      const std::string& mark = metaspace_.mark;
      for (std::size_t at = text.find(mark); at != text.npos; at = text.find(mark, at + mark.size())) {
        visit(Range{at, at + mark.size()});
      }
    });
  }

 private:
  Metaspace metaspace_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer(const JsonNode& node, int depth) {
  if (node.is_null()) return nullptr;
  check_nesting(node, depth);
  const std::string& type = node.at("type").text();
  const auto fixed = [&](const std::string& pattern, SplitBehavior behavior, bool invert = false) {
    return std::make_unique<FixedSplit>(pattern, node.where(), behavior, invert);
  };
  if (type == "Sequence") return std::make_unique<Sequence>(node, depth);
  if (type == "Split") return std::make_unique<Split>(node);
  if (type == "ByteLevel") return std::make_unique<ByteLevel>(node);
  if (type == "Metaspace") return std::make_unique<MetaspaceCut>(node);
  if (type == "Digits") {
    const bool each = node.boolean("individual_digits", false);
    return fixed("\\p{N}", each ? SplitBehavior::isolated : SplitBehavior::contiguous);
  }
  if (type == "Punctuation") {
    const auto behavior =
        node.gives("behavior") ? parse_behavior(node.at("behavior")) : SplitBehavior::isolated;
    return fixed(R"([\p{P}$+<=>^`|~])", behavior);
  }
  if (type == "Whitespace") {
    const std::string word = rust_word;
    return fixed("[" + word + "]+|[^" + word + "\\s]+", SplitBehavior::removed, true);
  }
  if (type == "WhitespaceSplit") return fixed("\\s", SplitBehavior::removed);
  node.unknown_type(
      "pre_tokenizer",
      "Sequence, Split, ByteLevel, Metaspace, Digits, Punctuation, Whitespace, WhitespaceSplit");
}

}  // namespace presswork::modelkit
