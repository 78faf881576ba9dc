#include "plugins/modelkit/tokenizer/normalizer.h"

#include <vector>

#include "plugins/modelkit/tokenizer/byte_level.h"
#include "plugins/modelkit/tokenizer/json_node.h"
#include "plugins/modelkit/tokenizer/pattern.h"
#include "plugins/modelkit/tokenizer/unicode.h"

namespace presswork::modelkit {

namespace {

class Sequence final : public Normalizer {
 public:
  Sequence(const JsonNode& node, int depth) {
    for (const JsonNode& part : node.at("normalizers").elements()) {
      parts_.push_back(make_normalizer(part, depth + 1));
    }
  }
  void apply(std::string& text) const override {
    for (const auto& part : parts_) {
      if (part) part->apply(text);
    }
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(const JsonNode& node) : content_(node.at("prepend").text()) {}
  void apply(std::string& text) const override {
    if (!text.empty()) text.insert(0, content_);
  }

 private:
  std::string content_;
};

class Replace final : public Normalizer {
 public:
  explicit Replace(const JsonNode& node)
      : pattern_(node.at("pattern")), content_(node.at("content").text()) {}
  void apply(std::string& text) const override { text = pattern_.replace(text, content_); }

 private:
  Pattern pattern_;
  std::string content_;
};

class Strip final : public Normalizer {
 public:
  explicit Strip(const JsonNode& node)
      : left_(node.boolean("strip_left", true)), right_(node.boolean("strip_right", true)) {}
  void apply(std::string& text) const override {
    std::size_t begin = 0, end = text.size();
    while (left_ && begin < end && utf8::is_white_space(utf8::decode(text, begin))) {
      begin += utf8::length(text[begin]);
    }
    while (right_ && end > begin && utf8::is_white_space(utf8::decode(text, utf8::previous(text, end)))) {
      end = utf8::previous(text, end);
    }
    text = text.substr(begin, end - begin);
  }

 private:
  bool left_, right_;
};

// One that is a function of the text and has no parameters.
class Function final : public Normalizer {
 public:
  explicit Function(std::string (*rewrite)(std::string_view)) : rewrite_(rewrite) {}
  void apply(std::string& text) const override { text = rewrite_(text); }

 private:
  std::string (*rewrite_)(std::string_view);
};

std::unique_ptr<Normalizer> make_function(const std::string& type) {
  struct Known {
    const char* type;
    std::string (*rewrite)(std::string_view);
  };
  static constexpr Known known[] = {{"NFC", unicode::nfc},
                                    {"NFD", unicode::nfd},
                                    {"NFKC", unicode::nfkc},
                                    {"NFKD", unicode::nfkd},
                                    {"Lowercase", unicode::to_lower},
                                    {"StripAccents", unicode::strip_marks},
                                    {"ByteLevel", byte_level::encode}};
  for (const Known& one : known) {
    if (type == one.type) return std::make_unique<Function>(one.rewrite);
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<Normalizer> make_normalizer(const JsonNode& node, int depth) {
  if (node.is_null()) return nullptr;
  check_nesting(node, depth);
  const std::string& type = node.at("type").text();
  if (type == "Sequence") return std::make_unique<Sequence>(node, depth);
  if (type == "Prepend") return std::make_unique<Prepend>(node);
  if (type == "Replace") return std::make_unique<Replace>(node);
  if (type == "Strip") return std::make_unique<Strip>(node);
  if (auto function = make_function(type)) return function;
  node.unknown_type(
      "normalizer",
      "Sequence, Prepend, Replace, Strip, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, ByteLevel");
}

}  // namespace presswork::modelkit
