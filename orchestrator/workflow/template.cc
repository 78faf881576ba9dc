#include <algorithm>

#include "orchestrator/workflow/document.h"
#include "orchestrator/workflow/expression.h"
#include "orchestrator/workflow/position.h"

namespace presswork::workflow {

namespace {

constexpr std::string_view opening = "${{";
constexpr std::string_view closing = "}}";

// Where the "}}" of the hole stands whose expression starts at `at`; texts in the expression may hold "}}".
std::size_t find_closing(std::string_view text, std::size_t at) {
  char quote = '\0';
  for (; at < text.size(); ++at) {
    if (quote != '\0') {
      if (text[at] == '\\') {
        ++at;
      } else if (text[at] == quote) {
        quote = '\0';
      }
    } else if (text[at] == '"' || text[at] == '\'') {
      quote = text[at];
    } else if (text.substr(at, closing.size()) == closing) {
      return at;
    }
  }
  return std::string_view::npos;
}

Template::Hole parse_hole(std::string_view text, std::size_t begin, const std::string& pointer,
                          const base::Where& where) {
  std::size_t first = begin + opening.size();
  const std::size_t end = find_closing(text, first);
  if (end == std::string_view::npos) {
    throw base::Error(base::ErrorCode::invalid_workflow, "\"${{\" is never closed", "it ends with \"}}\"",
                      shifted(where, text, begin));
  }
  while (first < end && (text[first] == ' ' || text[first] == '\t' || text[first] == '\n')) ++first;
  std::size_t last = end;
  while (last > first && (text[last - 1] == ' ' || text[last - 1] == '\t' || text[last - 1] == '\n')) --last;
  const base::Where at = shifted(where, text, first);
  if (first == last) {
    throw base::Error(base::ErrorCode::invalid_workflow, "\"${{ }}\" holds no expression", {}, at);
  }
  const std::size_t after = end + closing.size();
  return {pointer, begin, after, begin == 0 && after == text.size(),
          Expression::parse(text.substr(first, last - first), at)};
}

using WhereOf = std::function<base::Where(const std::string&)>;

void gather_holes(const base::Json& value, const std::string& pointer, const WhereOf& where_of,
                  std::vector<Template::Hole>& holes) {
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) {
      gather_holes(item, pointer + "/" + pointer_escaped(key), where_of, holes);
    }
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      gather_holes(value[i], pointer + "/" + std::to_string(i), where_of, holes);
    }
  } else if (value.is_string()) {
    const std::string& text = value.get_ref<const std::string&>();
    std::size_t at = text.find(opening);
    while (at != std::string::npos) {
      if (at > 0 && text[at - 1] == '$') {  // "$${{" stands for "${{"
        at = text.find(opening, at + opening.size());
        continue;
      }
      holes.push_back(parse_hole(text, at, pointer, where_of(pointer)));
      at = text.find(opening, holes.back().end);
    }
  }
}

// Text outside holes: "$${{" becomes "${{".
std::string plain(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '$' && text.substr(at + 1, opening.size()) == opening) continue;
    result += text[at];
  }
  return result;
}

std::string as_text(const base::Json& value, const Expression& expression) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  throw base::Error(base::ErrorCode::stage_failed,
                    "\"" + expression.text() + "\" is " +
                        (value.is_null()    ? "null"
                         : value.is_array() ? "a list"
                                            : "an object") +
                        " and cannot be put into a text",
                    {}, expression.where());
}

void unescape(base::Json& value) {
  if (value.is_structured()) {
    for (base::Json& item : value) unescape(item);
  } else if (value.is_string()) {
    value = plain(value.get_ref<const std::string&>());
  }
}

}  // namespace

Template Template::parse(const base::Json& value, const WhereOf& where_of, const WhereOf& key_where_of) {
  Template result;
  result.source_ = value;
  result.where_of_ = where_of;
  result.key_where_of_ = key_where_of;
  gather_holes(value, "", where_of, result.expressions_);
  return result;
}

bool Template::is_known(const ValueOf& value_of) const {
  return std::all_of(expressions_.begin(), expressions_.end(), [&](const Hole& hole) {
    const std::vector<Name>& names = hole.expression.names();
    return std::all_of(names.begin(), names.end(),
                       [&](const Name& name) { return value_of(name).has_value(); });
  });
}

base::Json Template::evaluate(const ValueOf& value_of) const {
  base::Json result = source_;
  unescape(result);
  for (auto hole = expressions_.begin(); hole != expressions_.end();) {
    const base::Json::json_pointer pointer(hole->pointer);
    if (hole->whole) {
      result[pointer] = hole->expression.evaluate(value_of);
      ++hole;
      continue;
    }
    const std::string& source = source_[pointer].get_ref<const std::string&>();
    const std::string& place = hole->pointer;
    std::string text;
    std::size_t at = 0;
    for (; hole != expressions_.end() && hole->pointer == place; ++hole) {
      text += plain(std::string_view(source).substr(at, hole->begin - at));
      text += as_text(hole->expression.evaluate(value_of), hole->expression);
      at = hole->end;
    }
    result[pointer] = text + plain(std::string_view(source).substr(at));
  }
  return result;
}

}  // namespace presswork::workflow
