#include "orchestrator/workflow/schema.h"

#include <algorithm>

#include "orchestrator/base/json_schema.h"

namespace presswork::workflow {

namespace {

// "stages.load.retry" for "/stages/load/retry".
std::string path_of(std::string_view pointer) {
  std::string path;
  for (const std::string& part : pointer_parts(pointer)) {
    const bool index = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    path += index ? "[" + part + "]" : (path.empty() ? "" : ".") + part;
  }
  return path.empty() ? "the workflow" : path;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// The pointer leads to the unknown key itself.
void add_unknown_key(const Document& document, const base::SchemaError& error, Faults& faults) {
  const base::Where where = document.key_where(document.root(), error.pointer);
  const std::string above = error.pointer.substr(0, error.pointer.rfind('/'));
  faults.add(where, "unknown key \"" + error.key + "\" in " + path_of(above),
             suggest(error.key, error.allowed));
}

void add_other(const Document& document, const base::SchemaError& error, Faults& faults) {
  const base::Where where = document.where(document.root(), error.pointer);
  if (error.pointer == "/presswork") {
    faults.add(where, "this program reads version 1 of the workflow language", "write \"presswork: 1\"");
    return;
  }
  std::string hint;
  if (error.kind == "type" && error.allowed == std::vector<std::string>{"string"}) {
    const base::Json root = to_json(document.root());
    const base::Json& value = root.at(base::Json::json_pointer(error.pointer));
    const bool is_time =
        is_one_of(pointer_parts(error.pointer).back(), {"timeout", "grace", "backoff", "backoff_cap"});
    if (is_time) {
      hint = "write a length of time with its unit, for example 90s";
    } else if (value.is_boolean() || value.is_number()) {
      hint = "put it in quotes";
    }
  }
  if (error.kind == "enum" && !error.allowed.empty()) {
    std::vector<std::string> words;
    for (const std::string& text : error.allowed) {
      const base::Json word = base::Json::parse(text, nullptr, false);
      words.push_back(word.is_string() ? word.get<std::string>() : text);
    }
    const base::Json root = to_json(document.root());
    const base::Json& value = root.at(base::Json::json_pointer(error.pointer));
    if (value.is_string()) hint = suggest(value.get<std::string>(), words);
  }
  faults.add(where, path_of(error.pointer) + " " + error.message, std::move(hint));
}

}  // namespace

bool check_schema(const Document& document, Faults& faults) {
  bool readable = true;
  static const base::Json schema = base::Json::parse(schema_text());
  for (const base::SchemaError& error : base::validate(schema, to_json(document.root()))) {
    // What these say in terms of regular expressions is said in words when the document is read.
    if (is_one_of(error.kind, {"pattern", "propertyNames"})) continue;
    if (error.kind == "additionalProperties") {
      add_unknown_key(document, error, faults);
    } else if (error.kind == "required") {
      readable = false;
      faults.add(document.key_where(document.root(), error.pointer),
                 path_of(error.pointer) + " needs the key \"" + error.key + "\"");
    } else {
      readable = false;
      add_other(document, error, faults);
    }
  }
  return readable;
}

}  // namespace presswork::workflow
