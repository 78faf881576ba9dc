#include "orchestrator/base/schema_explanation.h"

#include <cmath>
#include <regex>
#include <set>

namespace presswork::base {

namespace {

constexpr int kMaxDepth = 200;  // of $ref and nesting together

std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

std::string type_name(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  if (value.is_string()) return "the text " + shown(value);
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_null()) return "null (empty)";
  return "the number " + shown(value);
}

std::string entries(const Json& count) { return count.dump() + (count == Json(1) ? " entry" : " entries"); }

std::string type_phrase(const std::string& type) {
  if (type == "object") return "an object";
  if (type == "array") return "a list";
  if (type == "string") return "a text";
  if (type == "integer") return "an integer";
  if (type == "number") return "a number";
  if (type == "boolean") return "true or false";
  return type;
}

bool has_type(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  if (type == "number") return value.is_number();
  if (type == "integer") {
    return value.is_number_integer() ||
           (value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>());
  }
  return true;
}

std::vector<std::string> types_of(const Json& keyword) {
  if (keyword.is_string()) return {keyword.get<std::string>()};
  if (keyword.is_array()) return keyword.get<std::vector<std::string>>();
  return {};
}

template <class Phrase>
std::string joined(const std::vector<std::string>& words, Phrase phrase) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += phrase(words[i]);
  }
  return text;
}

std::string escaped(const std::string& key) {
  std::string text;
  for (char c : key) {
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

std::size_t characters(const std::string& text) {
  std::size_t count = 0;
  for (char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

bool matches(const std::string& text, const Json& pattern) {
  try {
    return std::regex_search(text, std::regex(pattern.get<std::string>(), std::regex::ECMAScript));
  } catch (const std::regex_error&) {
    return true;
  }
}

class Explainer {
 public:
  explicit Explainer(const Json& root) : root_(root) {}

  void explain(const Json& schema, const Json& value, const std::string& pointer, int depth) {
    if (depth > kMaxDepth) return;
    if (schema.is_boolean() && !schema.get<bool>()) add(pointer, "false", "is not allowed here");
    if (!schema.is_object()) return;
    if (const auto ref = schema.find("$ref"); ref != schema.end()) {
      if (const Json* target = resolve(*ref)) explain(*target, value, pointer, depth + 1);
      return;
    }
    if (!type_fits(schema, value, pointer)) return;
    constants(schema, value, pointer);
    if (value.is_number()) numbers(schema, value, pointer);
    if (value.is_string()) texts(schema, value, pointer);
    if (value.is_array()) lists(schema, value, pointer, depth);
    if (value.is_object()) objects(schema, value, pointer, depth);
    combinations(schema, value, pointer, depth);
  }

  std::vector<SchemaError> errors;

 private:
  void add(const std::string& pointer, const char* kind, std::string message, std::string key = {},
           std::vector<std::string> allowed = {}) {
    errors.push_back({pointer, kind, std::move(message), std::move(key), std::move(allowed)});
  }

  const Json* resolve(const Json& ref) const {
    const std::string text = ref.is_string() ? ref.get<std::string>() : "";
    if (text.empty() || text[0] != '#') return nullptr;
    try {
      return &root_.at(Json::json_pointer(text.substr(1)));
    } catch (const Json::exception&) {
      return nullptr;
    }
  }

  std::vector<SchemaError> errors_of(const Json& schema, const Json& value, const std::string& pointer,
                                     int depth) const {
    Explainer other(root_);
    other.explain(schema, value, pointer, depth + 1);
    return std::move(other.errors);
  }

  bool type_fits(const Json& schema, const Json& value, const std::string& pointer) {
    const auto keyword = schema.find("type");
    if (keyword == schema.end()) return true;
    const std::vector<std::string> types = types_of(*keyword);
    for (const std::string& type : types) {
      if (has_type(value, type)) return true;
    }
    add(pointer, "type", "must be " + joined(types, type_phrase) + ", not " + type_name(value), "", types);
    return false;
  }

  void constants(const Json& schema, const Json& value, const std::string& pointer) {
    if (const auto options = schema.find("enum"); options != schema.end() && options->is_array()) {
      std::vector<std::string> allowed;
      bool found = false;
      for (const Json& option : *options) {
        allowed.push_back(option.is_string() ? option.get<std::string>() : option.dump());
        found = found || option == value;
      }
      if (!found) {
        const auto same = [](const std::string& word) { return word; };
        add(pointer, "enum", "must be " + joined(allowed, same) + ", not " + shown(value), "", allowed);
      }
    }
    if (const auto constant = schema.find("const"); constant != schema.end() && *constant != value) {
      add(pointer, "const", "must be " + shown(*constant) + ", not " + shown(value), "", {constant->dump()});
    }
  }

  void numbers(const Json& schema, const Json& value, const std::string& pointer) {
    const double number = value.get<double>();
    const auto bound = [&](const char* keyword, auto holds, const char* words) {
      const auto limit = schema.find(keyword);
      if (limit == schema.end() || !limit->is_number() || holds(number, limit->get<double>())) return;
      add(pointer, keyword, std::string("must be ") + words + " " + limit->dump() + ", not " + value.dump());
    };
    bound(
        "minimum", [](double v, double l) { return v >= l; }, "at least");
    bound(
        "maximum", [](double v, double l) { return v <= l; }, "at most");
    bound(
        "exclusiveMinimum", [](double v, double l) { return v > l; }, "greater than");
    bound(
        "exclusiveMaximum", [](double v, double l) { return v < l; }, "less than");
    bound(
        "multipleOf", [](double v, double l) { return l == 0 || std::remainder(v, l) == 0; },
        "a multiple of");
  }

  void texts(const Json& schema, const Json& value, const std::string& pointer) {
    const std::string& text = value.get_ref<const std::string&>();
    const std::size_t length = characters(text);
    if (const auto least = schema.find("minLength");
        least != schema.end() && length < least->get<std::size_t>()) {
      add(pointer, "minLength",
          length == 0 ? "must not be empty" : "must have at least " + least->dump() + " characters");
    }
    if (const auto most = schema.find("maxLength");
        most != schema.end() && length > most->get<std::size_t>()) {
      add(pointer, "maxLength",
          "must have at most " + most->dump() + " characters, not " + std::to_string(length));
    }
    if (const auto pattern = schema.find("pattern"); pattern != schema.end() && !matches(text, *pattern)) {
      add(pointer, "pattern", shown(value) + " must match the pattern " + pattern->get<std::string>());
    }
  }

  void lists(const Json& schema, const Json& value, const std::string& pointer, int depth) {
    const std::size_t size = value.size();
    if (const auto least = schema.find("minItems");
        least != schema.end() && size < least->get<std::size_t>()) {
      add(pointer, "minItems", "must have at least " + entries(*least) + ", not " + std::to_string(size));
    }
    if (const auto most = schema.find("maxItems"); most != schema.end() && size > most->get<std::size_t>()) {
      add(pointer, "maxItems", "must have at most " + entries(*most) + ", not " + std::to_string(size));
    }
    if (schema.value("uniqueItems", Json(false)) == Json(true)) {
      std::set<Json> seen;
      for (const Json& item : value) {
        if (!seen.insert(item).second) add(pointer, "uniqueItems", "has " + shown(item) + " twice");
      }
    }
    const auto items = schema.find("items");
    if (items == schema.end()) return;
    for (std::size_t i = 0; i < size; ++i) {
      const Json* item_schema = items->is_array() ? (i < items->size() ? &(*items)[i] : nullptr) : &*items;
      if (item_schema != nullptr)
        explain(*item_schema, value[i], pointer + "/" + std::to_string(i), depth + 1);
    }
  }

  void objects(const Json& schema, const Json& value, const std::string& pointer, int depth) {
    const Json none = Json::object();
    const auto part = [&](const char* keyword) -> const Json& {
      const auto found = schema.find(keyword);
      return found != schema.end() && found->is_object() ? *found : none;
    };
    const Json& properties = part("properties");
    const Json& patterns = part("patternProperties");
    std::vector<std::string> allowed;
    for (const auto& [name, unused] : properties.items()) allowed.push_back(name);

    for (const auto& [key, member] : value.items()) {
      const std::string at = pointer + "/" + escaped(key);
      if (const auto names = schema.find("propertyNames"); names != schema.end()) {
        for (SchemaError& error : errors_of(*names, Json(key), at, depth)) {
          add(at, "propertyNames", "the name " + error.message, key);
        }
      }
      bool known = properties.contains(key);
      if (known) explain(properties[key], member, at, depth + 1);
      for (const auto& [pattern, member_schema] : patterns.items()) {
        if (!matches(key, Json(pattern))) continue;
        known = true;
        explain(member_schema, member, at, depth + 1);
      }
      const auto additional = schema.find("additionalProperties");
      if (known || additional == schema.end()) continue;
      if (additional->is_object()) explain(*additional, member, at, depth + 1);
      if (*additional == Json(false)) {
        add(at, "additionalProperties", "the key \"" + key + "\" is not known here", key, allowed);
      }
    }
    if (const auto required = schema.find("required"); required != schema.end() && required->is_array()) {
      for (const Json& key : *required) {
        if (value.contains(key.get<std::string>())) continue;
        add(pointer, "required", "must have the key \"" + key.get<std::string>() + "\"",
            key.get<std::string>(), allowed);
      }
    }
    if (const auto least = schema.find("minProperties");
        least != schema.end() && value.size() < least->get<std::size_t>()) {
      add(pointer, "minProperties", "must have at least " + entries(*least));
    }
    if (const auto most = schema.find("maxProperties");
        most != schema.end() && value.size() > most->get<std::size_t>()) {
      add(pointer, "maxProperties", "must have at most " + entries(*most));
    }
  }

  void combinations(const Json& schema, const Json& value, const std::string& pointer, int depth) {
    if (const auto all = schema.find("allOf"); all != schema.end() && all->is_array()) {
      for (const Json& part : *all) explain(part, value, pointer, depth + 1);
    }
    for (const char* keyword : {"anyOf", "oneOf"}) {
      const auto options = schema.find(keyword);
      if (options != schema.end() && options->is_array())
        alternatives(keyword, *options, value, pointer, depth);
    }
    if (const auto never = schema.find("not");
        never != schema.end() && errors_of(*never, value, pointer, depth).empty()) {
      add(pointer, "not", "must not be " + shown(value));
    }
    if (const auto condition = schema.find("if"); condition != schema.end()) {
      const bool holds = errors_of(*condition, value, pointer, depth).empty();
      const auto branch = schema.find(holds ? "then" : "else");
      if (branch != schema.end()) explain(*branch, value, pointer, depth + 1);
    }
  }

  // Tells the reasons of the one alternative that the value seems to be meant as, when there is one: the one
  // whose outermost type it has.
  void alternatives(const char* keyword, const Json& options, const Json& value, const std::string& pointer,
                    int depth) {
    std::vector<std::vector<SchemaError>> meant;
    std::vector<std::string> phrases;
    std::size_t met = 0;
    for (const Json& option : options) {
      std::vector<SchemaError> wrong = errors_of(option, value, pointer, depth);
      if (wrong.empty()) ++met;
      bool of_type = !wrong.empty();
      for (const SchemaError& error : wrong) {
        if (error.pointer != pointer || error.kind != "type") continue;
        of_type = false;
        for (const std::string& type : error.allowed) phrases.push_back(type_phrase(type));
      }
      if (of_type) meant.push_back(std::move(wrong));
    }
    if (met == 1 || (met > 1 && std::string(keyword) == "anyOf")) return;
    if (met > 1) {
      add(pointer, keyword, "fits more than one of the forms that exclude each other");
    } else if (meant.size() == 1) {
      errors.insert(errors.end(), meant[0].begin(), meant[0].end());
    } else if (meant.empty() && !phrases.empty()) {
      const auto same = [](const std::string& word) { return word; };
      add(pointer, keyword, "must be " + joined(phrases, same) + ", not " + type_name(value));
    } else {
      add(pointer, keyword, "has none of the forms allowed here");
    }
  }

  const Json& root_;
};

}  // namespace

std::vector<SchemaError> explain(const Json& schema, const Json& value) {
  Explainer explainer(schema);
  explainer.explain(schema, value, "", 0);
  return std::move(explainer.errors);
}

}  // namespace presswork::base
