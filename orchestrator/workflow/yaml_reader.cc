#include "orchestrator/workflow/yaml_reader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

#include "orchestrator/workflow/position.h"
#include "orchestrator/workflow/scalar.h"

namespace presswork::workflow {

namespace {

Mark to_mark(const YAML::Mark& mark) { return {std::max(mark.line, 0), std::max(mark.column, 0)}; }

[[noreturn]] void fault(const Mark& mark, std::string message, std::string hint = {}) {
  throw YamlFault{mark, std::move(message), std::move(hint)};
}

class Reader : public YAML::EventHandler {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  YamlPtr root;

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ == 0) return;
    const std::size_t at = static_cast<std::size_t>(std::max(mark.pos, 0));
    if (text_.substr(std::min(at, text_.size()), 3) == "---") {
      fault(to_mark(mark), "a second YAML document starts here", "keep one workflow in a file");
    }
    fault(to_mark(mark), "this does not continue what stands above it",
          "the outermost level of a workflow is a map: \"presswork: 1\", \"name: …\", \"stages: …\"");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode node;
    // yaml-cpp places a value that was left out at the token after it; the key is the better place.
    node.mark = !open_.empty() && open_.back().key ? open_.back().key_mark : to_mark(mark);
    put(std::move(node), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fault(to_mark(mark), "an alias stands inside the value that it names");
    if (wants_key()) fault(to_mark(mark), "a key must be a plain text, not an alias");
    attach(found->second, to_mark(mark));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    start(YamlNode::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    start(YamlNode::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { end(); }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    std::optional<std::string> key;  // read, and its value is next
    Mark key_mark;
    std::map<std::string, Mark, std::less<>> keys;
  };

  bool wants_key() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::map && !open_.back().key;
  }
  void start(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor);
  void end();
  void put(YamlNode node, YAML::anchor_t anchor);
  void attach(const YamlPtr& node, const Mark& mark);
  void take_key(const std::string& key, const Mark& mark);
  void check_closed(const YAML::Mark& mark) const;

  std::string_view text_;
  int documents_ = 0;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, YamlPtr> anchors_;
};

void Reader::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                      const std::string& value) {
  if (tag != "?" && tag != "!" && !tag.empty()) {
    fault(to_mark(mark), "YAML tags are not used in workflows", "put the value in quotes to make it a text");
  }
  const bool quoted = tag == "!";
  if (quoted) check_closed(mark);
  if (wants_key()) {
    take_key(value, to_mark(mark));
    return;
  }
  YamlNode node;
  node.mark = to_mark(mark);
  if (quoted) {
    node.scalar = value;
  } else {
    Scalar scalar = core_scalar(value);
    if (!scalar.fault.empty()) fault(node.mark, scalar.fault, "put it in quotes if it is a text");
    node.scalar = std::move(scalar.value);
  }
  put(std::move(node), anchor);
}

// yaml-cpp takes the end of the file for the closing quotation mark.
void Reader::check_closed(const YAML::Mark& mark) const {
  std::size_t at = static_cast<std::size_t>(std::max(mark.pos, 0));
  if (at >= text_.size() || (text_[at] != '"' && text_[at] != '\'')) return;  // a block scalar
  const char quote = text_[at];
  for (++at; at < text_.size(); ++at) {
    if (quote == '"' && text_[at] == '\\') {
      ++at;
    } else if (text_[at] == quote) {
      if (quote == '"' || at + 1 >= text_.size() || text_[at + 1] != quote) return;
      ++at;
    }
  }
  fault(to_mark(mark), "the quotation mark that opens here is never closed");
}

void Reader::take_key(const std::string& key, const Mark& mark) {
  Open& map = open_.back();
  if (key == "<<") fault(mark, "merge keys are not used in workflows", "write the keys out");
  const auto [first, fresh] = map.keys.emplace(key, mark);
  if (!fresh) {
    fault(mark, "the key \"" + key + "\" is given twice",
          "the first one is in line " + std::to_string(first->second.line + 1) + "; keep one of the two");
  }
  map.key = key;
  map.key_mark = mark;
}

void Reader::start(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
                   YAML::anchor_t anchor) {
  if (wants_key()) fault(to_mark(mark), "a key must be a plain text");
  if (tag != "?" && tag != "!" && !tag.empty()) fault(to_mark(mark), "YAML tags are not used in workflows");
  if (open_.size() >= Document::max_depth) {
    fault(to_mark(mark),
          "the document is nested more than " + std::to_string(Document::max_depth) + " levels deep");
  }
  Open open;
  open.node.kind = kind;
  open.node.mark = to_mark(mark);
  open.anchor = anchor;
  open_.push_back(std::move(open));
}

void Reader::end() {
  Open done = std::move(open_.back());
  open_.pop_back();
  put(std::move(done.node), done.anchor);
}

void Reader::put(YamlNode node, YAML::anchor_t anchor) {
  if (wants_key()) fault(node.mark, "a key must be a plain text");
  const Mark mark = node.mark;
  auto shared = std::make_shared<const YamlNode>(std::move(node));
  if (anchor != 0) anchors_[anchor] = shared;
  attach(shared, mark);
}

// Sizes are those of the document with every alias written out, so that aliases of aliases cannot grow beyond
// the bound.
void Reader::attach(const YamlPtr& node, const Mark& mark) {
  if (open_.empty()) {
    root = node;
    return;
  }
  Open& parent = open_.back();
  parent.node.size += node->size;
  parent.node.depth = std::max(parent.node.depth, node->depth + 1);
  if (parent.node.size > Document::max_nodes) {
    fault(mark, "the document holds more than " + std::to_string(Document::max_nodes) + " values");
  }
  if (open_.size() + node->depth > Document::max_depth) {
    fault(mark, "the document is nested more than " + std::to_string(Document::max_depth) + " levels deep");
  }
  if (parent.node.kind == YamlNode::Kind::list) {
    parent.node.items.push_back(node);
  } else {
    parent.node.entries.push_back({std::move(*parent.key), parent.key_mark, node});
    parent.key.reset();
  }
}

std::string_view line_of(std::string_view text, int number) {
  for (int i = 0; i < number; ++i) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

YamlFault syntax_fault(std::string_view text, const YAML::Exception& error) {
  const Mark mark = to_mark(error.mark);
  const std::string_view line = line_of(text, mark.line);
  const std::string_view indentation = line.substr(0, line.find_first_not_of(" \t"));
  if (indentation.find('\t') != std::string_view::npos) {
    return {
        {mark.line, static_cast<int>(indentation.find('\t'))}, "a tab is used for indentation", "use spaces"};
  }
  std::string hint;
  if (line.find("${{") != std::string_view::npos) {
    hint = "put ${{ … }} in quotes: \"${{ params.model }}\"";
  } else if (error.msg == "illegal map value") {
    hint =
        "a colon inside a text needs quotes around the text; or the indentation is not that of the lines "
        "above";
  } else if (error.msg.find("end of") == 0) {
    hint = "a bracket is not closed, or the indentation is not that of the lines above";
  } else if (error.msg == "unknown token") {
    hint = "a text that starts with @, ` or % needs quotes";
  }
  return {mark, "not valid YAML: " + error.msg, std::move(hint)};
}

}  // namespace

YamlPtr read_yaml(std::string_view text) {
  std::istringstream stream{std::string(text)};
  Reader reader(text);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(reader)) {
    }
  } catch (const YAML::Exception& error) {
    throw syntax_fault(text, error);
  }
  if (!reader.root) fault({}, "the workflow is empty", "it starts with \"presswork: 1\"");
  return reader.root;
}

}  // namespace presswork::workflow
