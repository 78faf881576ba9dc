#include "orchestrator/workflow/document.h"

#include <algorithm>

#include "orchestrator/workflow/position.h"
#include "orchestrator/workflow/yaml_reader.h"

namespace presswork::workflow {

namespace {

// The length of the UTF-8 character at the front of `text`; 0 when it is none (RFC 3629).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!follows(1) || !follows(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    return first == 0xED && byte(1) > 0x9F ? 0 : 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    return first == 0xF4 && byte(1) > 0x8F ? 0 : 4;
  }
  return 0;
}

bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1)
    return (first < 0x20 && first != '\t' && first != '\n' && first != '\r') || first == 0x7F;
  // U+0080 to U+009F; a terminal may obey them.
  return character.size() == 2 && first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

void check_characters(std::string_view text) {
  Mark mark;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text.substr(at));
    if (length == 0) {
      throw YamlFault{{mark.line, 0},
                      "the text is not UTF-8 (byte " + std::to_string(at + 1) + " of the file)",
                      "save the file as UTF-8"};
    }
    if (text[at] == '\0') {
      throw YamlFault{{mark.line, 0}, "this is not a text file: it has zero bytes", "name a YAML file"};
    }
    if (is_control(text.substr(at, length))) {
      throw YamlFault{
          {mark.line, 0},
          "there is a control character in this line, in column " + std::to_string(mark.column + 1),
          "remove it"};
    }
    if (text[at] == '\n') {
      ++mark.line;
      mark.column = 0;
    } else {
      mark.column += static_cast<int>(length);
    }
    at += length;
  }
}

}  // namespace

const YamlEntry* YamlNode::find(std::string_view key) const {
  for (const YamlEntry& entry : entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

base::Json to_json(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::scalar:
      return node.scalar;
    case YamlNode::Kind::list: {
      base::Json list = base::Json::array();
      for (const YamlPtr& item : node.items) list.push_back(to_json(*item));
      return list;
    }
    case YamlNode::Kind::map:
      break;
  }
  base::Json map = base::Json::object();
  for (const YamlEntry& entry : node.entries) map[entry.key] = to_json(*entry.value);
  return map;
}

std::shared_ptr<const Document> Document::parse(std::string_view text, const std::string& file) {
  if (text.size() > max_bytes) {
    throw base::Error(base::ErrorCode::invalid_workflow,
                      "the workflow is larger than " + std::to_string(max_bytes >> 20) + " MiB", {},
                      {file, 0, 0, {}});
  }
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());

  auto document = std::make_shared<Document>();
  document->text_ = text;
  document->file_ = file;
  document->lines_ = {0};
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    document->lines_.push_back(at + 1);
  }
  try {
    check_characters(document->text_);
    document->root_ = read_yaml(document->text_);
  } catch (const YamlFault& found) {
    base::Where where = document->where(found.mark);
    const std::string_view line = document->line(found.mark.line);
    for (std::size_t at = 0; at < line.size();) {  // never show what a terminal might obey
      const std::size_t length = utf8_length(line.substr(at));
      if (length == 0 || is_control(line.substr(at, length))) where.excerpt.clear();
      at += std::max<std::size_t>(length, 1);
    }
    throw base::Error(base::ErrorCode::invalid_workflow, found.message, found.hint, std::move(where));
  }
  return document;
}

std::string_view Document::line(int number) const {
  if (number < 0 || static_cast<std::size_t>(number) >= lines_.size()) return {};
  std::string_view rest = std::string_view(text_).substr(lines_[static_cast<std::size_t>(number)]);
  rest = rest.substr(0, rest.find('\n'));
  if (!rest.empty() && rest.back() == '\r') rest.remove_suffix(1);
  return rest;
}

base::Where Document::where(const Mark& mark) const {
  constexpr std::size_t longest = 300;  // bytes of a line that are worth showing
  int number = mark.line;
  std::string_view text = line(number);
  std::size_t column = std::min(static_cast<std::size_t>(mark.column), text.size());
  // A block scalar's text starts in a line below its "|" or ">".
  if (column < text.size() && (text[column] == '|' || text[column] == '>')) {
    for (int below = number + 1; static_cast<std::size_t>(below) < lines_.size(); ++below) {
      const std::size_t start = line(below).find_first_not_of(" \t");
      if (start == std::string_view::npos) continue;
      number = below;
      text = line(below);
      column = start;
      break;
    }
  }
  base::Where where{file_, number + 1, 1, {}};
  for (std::size_t at = 0; at < column; ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80) ++where.column;
  }
  if (text.size() <= longest) {
    where.excerpt = text;
  } else if (column < longest) {
    std::size_t end = longest;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    where.excerpt = std::string(text.substr(0, end)) + " …";
  }
  return where;
}

namespace {

// The value at the pointer, or the last one on the way to it; `key_mark` is that of the key that led there.
struct Found {
  const YamlNode* node;
  Mark key_mark;
};

Found follow(const YamlNode& start, std::string_view pointer) {
  Found found{&start, start.mark};
  for (const std::string& part : pointer_parts(pointer)) {
    if (found.node->kind == YamlNode::Kind::map) {
      const YamlEntry* entry = found.node->find(part);
      if (entry == nullptr) break;
      found = {entry->value.get(), entry->key_mark};
    } else {
      const bool number =
          !part.empty() && part.size() < 9 && part.find_first_not_of("0123456789") == std::string::npos;
      const std::size_t index = number ? std::stoul(part) : found.node->items.size();
      if (index >= found.node->items.size()) break;
      const YamlNode* item = found.node->items[index].get();
      found = {item, item->mark};
    }
  }
  return found;
}

}  // namespace

base::Where Document::where(const YamlNode& start, std::string_view pointer) const {
  return where(follow(start, pointer).node->mark);
}

base::Where Document::key_where(const YamlNode& start, std::string_view pointer) const {
  return where(follow(start, pointer).key_mark);
}

std::vector<std::string> pointer_parts(std::string_view pointer) {
  std::vector<std::string> parts;
  for (const char c : pointer) {
    if (c == '/') {
      parts.emplace_back();
    } else if (!parts.empty()) {
      if (!parts.back().empty() && parts.back().back() == '\0') {  // after "~"
        parts.back().back() = c == '0' ? '~' : '/';
      } else {
        parts.back() += c == '~' ? '\0' : c;
      }
    }
  }
  return parts;
}

std::string pointer_escaped(std::string_view part) {
  std::string text;
  for (const char c : part) {
    if (c == '~') {
      text += "~0";
    } else if (c == '/') {
      text += "~1";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace presswork::workflow
