#include "orchestrator/workflow/reader.h"

#include <algorithm>
#include <array>

#include "orchestrator/workflow/read_parts.h"
#include "orchestrator/workflow/scalar.h"

namespace presswork::workflow {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

void check_node_name(const Document& document, const YamlEntry& entry, Faults& faults) {
  if (is_reserved(entry.key)) {
    faults.add(document.where(entry.key_mark),
               "\"" + entry.key + "\" has a meaning of its own in expressions", "give the node another name");
  } else if (!is_identifier(entry.key)) {
    std::string better(entry.key.empty() || is_digit(entry.key[0]) ? 1 : 0, '_');
    for (const char c : entry.key) better += is_letter(c) || is_digit(c) ? c : '_';
    faults.add(document.where(entry.key_mark), "\"" + entry.key + "\" cannot be the name of a node",
               "names are letters, digits and _, for example \"" + better + "\"");
  }
}

}  // namespace

bool is_identifier(std::string_view text) {
  return !text.empty() && is_letter(text[0]) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

bool is_label(std::string_view text) {
  return !text.empty() && text[0] != '-' && std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '-';
  });
}

bool is_reserved(std::string_view name) {
  static constexpr std::array<std::string_view, 12> words{"params", "true", "false", "null", "in",     "and",
                                                          "or",     "not",  "state", "loop", "matrix", "run"};
  return std::find(words.begin(), words.end(), name) != words.end();
}

namespace detail {

std::string text_of(const YamlNode& map, std::string_view key) {
  const YamlEntry* entry = map.find(key);
  return entry != nullptr && entry->value->scalar.is_string() ? entry->value->scalar.get<std::string>() : "";
}

Scope read_scope(const std::shared_ptr<const Document>& document, const YamlNode& map, Faults& faults) {
  Scope scope;
  for (const YamlEntry& entry : map.entries) {
    check_node_name(*document, entry, faults);
    scope.node_index.emplace(entry.key, scope.nodes.size());
    scope.nodes.push_back(read_node(document, entry, faults));
  }
  return scope;
}

ChecklistItem read_check(const Document& document, const YamlNode& item) {
  const YamlNode& check = *item.find("check")->value;
  ChecklistItem result{text_of(item, "title"),
                       Expression::parse(check.scalar.get_ref<const std::string&>(), document.where(check)),
                       false, document.where(item)};
  if (const YamlEntry* required = item.find("required"))
    result.required = required->value->scalar.get<bool>();
  return result;
}

}  // namespace detail

Workflow read_workflow(const std::shared_ptr<const Document>& document, Faults& faults) {
  const YamlNode& root = document->root();
  Workflow workflow;
  workflow.name = detail::text_of(root, "name");
  workflow.description = detail::text_of(root, "description");
  if (const YamlEntry* params = root.find("params")) {
    for (const YamlEntry& entry : params->value->entries) {
      if (!is_identifier(entry.key)) {
        faults.add(document->where(entry.key_mark), "\"" + entry.key + "\" cannot be the name of a parameter",
                   "names are letters, digits and _");
      }
      workflow.params.push_back(detail::read_param(*document, entry, faults));
    }
  }
  static_cast<Scope&>(workflow) = detail::read_scope(document, *root.find("stages")->value, faults);
  if (const YamlEntry* checklist = root.find("checklist")) {
    for (const YamlPtr& item : checklist->value->items) {
      try {
        workflow.checklist.push_back(detail::read_check(*document, *item));
      } catch (const base::Error& error) {
        faults.add(error);
      }
    }
  }
  return workflow;
}

}  // namespace presswork::workflow
