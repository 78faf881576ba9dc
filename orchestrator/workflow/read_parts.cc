#include "orchestrator/workflow/read_parts.h"

#include "orchestrator/base/units.h"

namespace presswork::workflow::detail {

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<Input> PartReader::input(const YamlEntry& entry) {
  Input input{{}, where(*entry.value), key_where(entry)};
  if (!entry.value->scalar.is_string()) {
    fault(input.where, "expected the name of an output", "write \"stage.output\"");
    return std::nullopt;
  }
  const std::string& text = entry.value->scalar.get_ref<const std::string&>();
  const std::string_view whole = trimmed(text);
  std::string_view rest = whole;
  if (rest.starts_with("first(") && rest.ends_with(")")) rest = rest.substr(6, rest.size() - 7);
  bool good = true;
  for (bool more = true; more && good;) {
    const std::size_t comma = rest.size() == whole.size() ? std::string_view::npos : rest.find(',');
    const std::string_view name = trimmed(rest.substr(0, comma));
    const std::size_t dot = name.find('.');
    good = dot != std::string_view::npos && is_identifier(name.substr(0, dot)) &&
           is_label(name.substr(dot + 1));
    if (good) {
      input.candidates.push_back(
          {std::string(name.substr(0, dot)), std::string(name.substr(dot + 1)),
           shifted(input.where, text, static_cast<std::size_t>(name.data() - text.data()))});
    }
    more = comma != std::string_view::npos;
    if (more) rest.remove_prefix(comma + 1);
  }
  if (good) return input;
  fault(input.where, "\"" + text + "\" names no output",
        text.find("${{") != std::string::npos ? "an input stands without ${{ }}: \"stage.output\""
                                              : "write \"stage.output\" or \"first(a.output, b.output)\"");
  return std::nullopt;
}

std::map<std::string, Input> PartReader::inputs(const YamlNode& map) {
  std::map<std::string, Input> all;
  for (const YamlEntry& entry : map.entries) {
    if (auto one = input(entry)) all.emplace(entry.key, std::move(*one));
  }
  return all;
}

std::optional<Expression> PartReader::expression(const YamlNode& scalar, std::string_view key) {
  const std::string& text = scalar.scalar.get_ref<const std::string&>();
  if (text.find("${{") != std::string::npos) {
    fault(where(scalar), "\"" + std::string(key) + "\" is an expression already", "leave out ${{ and }}");
    return std::nullopt;
  }
  try {
    return Expression::parse(text, where(scalar));
  } catch (const base::Error& error) {
    faults_.add(error);
    return std::nullopt;
  }
}

Template PartReader::templated(const YamlPtr& value) {
  try {
    return Template::parse(
        to_json(*value),
        [document = document_, value](const std::string& pointer) {
          return document->where(*value, pointer);
        },
        [document = document_, value](const std::string& pointer) {
          return document->key_where(*value, pointer);
        });
  } catch (const base::Error& error) {
    faults_.add(error);
    return {};
  }
}

std::chrono::milliseconds PartReader::duration(const YamlNode& map, std::string_view key,
                                               std::chrono::milliseconds fallback) {
  const YamlEntry* entry = map.find(key);
  if (entry == nullptr) return fallback;
  const std::string& text = entry->value->scalar.get_ref<const std::string&>();
  const auto parsed = base::parse_duration(text);
  if (!parsed || parsed->count() <= 0) {
    fault(where(*entry->value), "\"" + text + "\" is no length of time",
          "write a number and ms, s, m, h or d, for example 90s or 1.5h");
    return fallback;
  }
  return *parsed;
}

std::uint64_t PartReader::whole(const YamlNode& node) {
  if (node.scalar.is_number_integer()) return node.scalar.get<std::uint64_t>();
  fault(where(node), node.scalar.dump() + " is not written as an integer");
  return 1;
}

Choice PartReader::choice(const YamlNode& map) {
  Choice choice;
  if (const YamlEntry* entry = map.find("where")) choice.where = expression(*entry->value, "where");
  const YamlEntry* least = map.find("minimize");
  const YamlEntry* most = map.find("maximize");
  if (least != nullptr && most != nullptr) {
    fault(key_where(*most), "only one of \"minimize\" and \"maximize\" can be asked for",
          "maximize x is minimize -x; several aims are one expression");
  }
  if (const YamlEntry* entry = least != nullptr ? least : most) {
    choice.objective = expression(*entry->value, entry->key);
  }
  choice.maximize = least == nullptr && most != nullptr;
  return choice;
}

Exports PartReader::exports(const YamlNode& map) {
  Exports exports;
  if (const YamlEntry* outputs = map.find("outputs")) {
    for (const YamlEntry& entry : outputs->value->entries) {
      if (!is_label(entry.key) || entry.key == "metrics") {
        fault(key_where(entry), "\"" + entry.key + "\" cannot be the name of an output",
              "names are letters, digits, _ and -; \"metrics\" is there already");
      }
    }
    exports.outputs = inputs(*outputs->value);
  }
  if (const YamlEntry* metrics = map.find("metrics")) {
    for (const YamlEntry& entry : metrics->value->entries) {
      if (!is_identifier(entry.key)) {
        fault(key_where(entry), "\"" + entry.key + "\" cannot be the name of a metric",
              "names are letters, digits and _");
      }
      if (auto one = expression(*entry.value, entry.key)) exports.metrics.emplace(entry.key, std::move(*one));
    }
  }
  return exports;
}

}  // namespace presswork::workflow::detail
