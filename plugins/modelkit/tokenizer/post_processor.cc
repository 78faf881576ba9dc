#include "plugins/modelkit/tokenizer/post_processor.h"

#include <limits>

#include "plugins/modelkit/tokenizer/json_node.h"

namespace presswork::modelkit {

namespace {

constexpr std::int64_t highest_id = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t most_special = 4096;

class Sequence final : public PostProcessor {
 public:
  Sequence(const JsonNode& node, int depth) {
    for (const JsonNode& part : node.at("processors").elements()) {
      parts_.push_back(make_post_processor(part, depth + 1));
    }
  }
  void apply(std::vector<std::int32_t>& ids) const override {
    for (const auto& part : parts_) {
      if (part) part->apply(ids);
    }
  }

 private:
  std::vector<std::unique_ptr<PostProcessor>> parts_;
};

// ids before the text and ids after it.
class Surround final : public PostProcessor {
 public:
  Surround(std::vector<std::int32_t> before, std::vector<std::int32_t> after)
      : before_(std::move(before)), after_(std::move(after)) {}
  void apply(std::vector<std::int32_t>& ids) const override {
    ids.insert(ids.begin(), before_.begin(), before_.end());
    ids.insert(ids.end(), after_.begin(), after_.end());
  }

 private:
  std::vector<std::int32_t> before_, after_;
};

// "single" of TemplateProcessing, the template for one text: special tokens and, once, sequence A.
std::unique_ptr<PostProcessor> make_template(const JsonNode& node) {
  std::vector<std::int32_t> before, after;
  bool seen = false;
  for (const JsonNode& piece : node.at("single").elements()) {
    if (piece.has("Sequence")) {
      if (seen || piece.at("Sequence").at("id").text() != "A") {
        throw Error("unsupported", "a template of one text holds sequence A once", piece.where());
      }
      seen = true;
      continue;
    }
    const std::string& name = piece.at("SpecialToken").at("id").text();
    for (const JsonNode& id : node.at("special_tokens").at(name.c_str()).at("ids").elements()) {
      (seen ? after : before).push_back(static_cast<std::int32_t>(id.number(highest_id)));
    }
    if (before.size() + after.size() > most_special) piece.wrong("at most 4,096 special tokens");
  }
  if (!seen) throw Error("corrupt_file", "the template has no place for the text", node.at("single").where());
  return std::make_unique<Surround>(std::move(before), std::move(after));
}

// "cls" and "sep" of BertProcessing and RobertaProcessing: [token, id].
std::vector<std::int32_t> token_id(const JsonNode& pair) {
  const std::vector<JsonNode> parts = pair.elements();
  if (parts.size() != 2) pair.wrong("[token, id]");
  return {static_cast<std::int32_t>(parts[1].number(highest_id))};
}

}  // namespace

std::unique_ptr<PostProcessor> make_post_processor(const JsonNode& node, int depth) {
  if (node.is_null()) return nullptr;
  check_nesting(node, depth);
  const std::string& type = node.at("type").text();
  if (type == "Sequence") return std::make_unique<Sequence>(node, depth);
  if (type == "TemplateProcessing") return make_template(node);
  if (type == "ByteLevel") return nullptr;  // it moves offsets only
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    return std::make_unique<Surround>(token_id(node.at("cls")), token_id(node.at("sep")));
  }
  node.unknown_type("post_processor",
                    "Sequence, TemplateProcessing, ByteLevel, BertProcessing, RobertaProcessing");
}

}  // namespace presswork::modelkit
