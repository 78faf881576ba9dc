#include <algorithm>

#include "orchestrator/base/units.h"
#include "orchestrator/workflow/reader.h"

namespace presswork::workflow::detail {

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

class NodeReader {
 public:
  NodeReader(std::shared_ptr<const Document> document, const YamlEntry& entry, Faults& faults)
      : document_(std::move(document)), entry_(entry), map_(*entry.value), faults_(faults) {}

  Node read() {
    Node node;
    node.id = entry_.key;
    node.where = document_->where(entry_.key_mark);
    node.description = text_of(map_, "description");
    read_after(node);
    node.join = join();
    const YamlEntry* decide = map_.find("decide");
    const YamlEntry* uses = map_.find("uses");
    if (decide != nullptr) {
      for (const char* key : {"uses", "with", "inputs", "retry", "timeout", "resources", "seed"}) {
        if (const YamlEntry* extra = map_.find(key)) {
          faults_.add(document_->where(extra->key_mark), "a decision takes no \"" + extra->key + "\"",
                      "\"" + node.id + "\" is a decision because it has \"decide\"");
        }
      }
      node.work = decision(*decide->value);
    } else {
      if (uses == nullptr) {
        faults_.add(node.where, "\"" + node.id + "\" does nothing",
                    "add \"uses: …\" to make it a stage, or \"decide: …\" to make it a decision");
      }
      node.work = stage(uses);
    }
    return node;
  }

 private:
  base::Where where(const YamlNode& node) const { return document_->where(node); }

  void read_after(Node& node) {
    const YamlEntry* after = map_.find("after");
    if (after == nullptr) return;
    if (after->value->kind == YamlNode::Kind::list) {
      for (const YamlPtr& item : after->value->items) add_after(node, *item);
    } else {
      add_after(node, *after->value);
    }
  }

  void add_after(Node& node, const YamlNode& item) {
    const std::string& text = item.scalar.get_ref<const std::string&>();
    const std::size_t dot = text.find('.');
    After after{text.substr(0, dot), dot == std::string::npos ? "" : text.substr(dot + 1), where(item)};
    if (!is_identifier(after.node) || (dot != std::string::npos && !is_label(after.branch))) {
      faults_.add(after.where, "\"" + text + "\" names no node",
                  "write \"stage\", \"decision\" or \"decision.branch\"");
      return;
    }
    node.after.push_back(std::move(after));
  }

  Join join() const {
    const std::string text = text_of(map_, "join");
    if (text == "all_success") return Join::all_success;
    if (text == "any_success") return Join::any_success;
    if (text == "all_done") return Join::all_done;
    return text == "on_failure" ? Join::on_failure : Join::standard;
  }

  Stage stage(const YamlEntry* uses) {
    Stage stage;
    if (uses != nullptr) {
      stage.uses = uses->value->scalar.get<std::string>();
      stage.uses_where = where(*uses->value);
    }
    if (const YamlEntry* with = map_.find("with")) read_with(stage, with->value);
    if (const YamlEntry* inputs = map_.find("inputs")) {
      for (const YamlEntry& entry : inputs->value->entries) read_input(stage, entry);
    }
    if (const YamlEntry* retry = map_.find("retry")) read_retry(stage.retry, *retry->value);
    stage.timeout = duration(map_, "timeout", std::chrono::milliseconds(0));
    if (const YamlEntry* resources = map_.find("resources"))
      read_resources(stage.resources, *resources->value);
    if (const YamlEntry* seed = map_.find("seed")) stage.seed = whole(*seed->value);
    return stage;
  }

  void read_with(Stage& stage, const YamlPtr& with) {
    const auto document = document_;
    try {
      stage.with = Template::parse(
          to_json(*with),
          [document, with](const std::string& pointer) { return document->where(*with, pointer); },
          [document, with](const std::string& pointer) { return document->key_where(*with, pointer); });
    } catch (const base::Error& error) {
      faults_.add(error);
    }
  }

  // "stage.output" or "first(a.output, b.output)".
  void read_input(Stage& stage, const YamlEntry& entry) {
    const std::string& text = entry.value->scalar.get_ref<const std::string&>();
    Input input{{}, where(*entry.value), document_->where(entry.key_mark)};
    const std::string_view whole = trimmed(text);
    std::string_view rest = whole;
    if (rest.starts_with("first(") && rest.ends_with(")")) {
      rest = rest.substr(6, rest.size() - 7);
    }
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
    if (!good) {
      faults_.add(input.where, "\"" + text + "\" names no output",
                  text.find("${{") != std::string::npos
                      ? "an input stands without ${{ }}: \"stage.output\""
                      : "write \"stage.output\" or \"first(a.output, b.output)\"");
      return;
    }
    stage.inputs.emplace(entry.key, std::move(input));
  }

  std::chrono::milliseconds duration(const YamlNode& map, std::string_view key,
                                     std::chrono::milliseconds fallback) {
    const YamlEntry* entry = map.find(key);
    if (entry == nullptr) return fallback;
    const std::string& text = entry->value->scalar.get_ref<const std::string&>();
    const auto parsed = base::parse_duration(text);
    if (!parsed || parsed->count() <= 0) {
      faults_.add(where(*entry->value), "\"" + text + "\" is no length of time",
                  "write a number and ms, s, m, h or d, for example 90s or 1.5h");
      return fallback;
    }
    return *parsed;
  }

  // A number that the schema takes for an integer may be written as 1e300.
  std::uint64_t whole(const YamlNode& node) {
    if (node.scalar.is_number_integer()) return node.scalar.get<std::uint64_t>();
    faults_.add(where(node), node.scalar.dump() + " is not written as an integer");
    return 1;
  }

  void read_retry(Retry& retry, const YamlNode& map) {
    retry.attempts = map.find("attempts")->value->scalar.get<int>();
    retry.backoff = duration(map, "backoff", retry.backoff);
    retry.backoff_cap = duration(map, "backoff_cap", retry.backoff_cap);
    if (const YamlEntry* on = map.find("on")) {
      for (const YamlPtr& item : on->value->items) retry.on.push_back(item->scalar.get<std::string>());
    }
  }

  void read_resources(Resources& resources, const YamlNode& map) {
    if (const YamlEntry* cores = map.find("cores")) resources.cores = cores->value->scalar.get<int>();
    const YamlEntry* memory = map.find("memory");
    if (memory == nullptr) return;
    const base::Json& value = memory->value->scalar;
    resources.memory = value.is_string() ? base::parse_bytes(value.get_ref<const std::string&>())
                                         : std::optional(whole(*memory->value));
    if (resources.memory.value_or(0) == 0) {
      faults_.add(where(*memory->value), value.dump() + " is no amount of memory",
                  "for example 512MiB or 8GiB");
    }
  }

  Decision decision(const YamlNode& list) {
    Decision decision;
    for (const YamlPtr& item : list.items) {
      const bool last = item == list.items.back();
      try {
        read_case(decision, *item, last);
      } catch (const base::Error& error) {
        faults_.add(error);
      }
    }
    return decision;
  }

  void read_case(Decision& decision, const YamlNode& item, bool last) {
    const YamlEntry* when = item.find("when");
    const YamlEntry* then = item.find("then");
    const YamlEntry* otherwise = item.find("default");
    if ((when != nullptr) != (then != nullptr) || (when != nullptr) == (otherwise != nullptr)) {
      faults_.add(where(item), "this is no branch of a decision",
                  "write {when: expression, then: branch}, or at the end {default: branch}");
      return;
    }
    const YamlNode& branch = *(then != nullptr ? then : otherwise)->value;
    Case result{{}, branch.scalar.get<std::string>(), where(item)};
    if (!is_label(result.then)) {
      faults_.add(where(branch), "\"" + result.then + "\" cannot be the name of a branch",
                  "names are letters, digits, _ and -");
    }
    if (otherwise != nullptr && !last) {
      faults_.add(where(item), "nothing after the default is ever reached", "move the default to the end");
    }
    decision.cases.push_back(result);  // a branch is known by name even when its expression is at fault
    if (when == nullptr) return;
    const std::string& text = when->value->scalar.get_ref<const std::string&>();
    if (text.find("${{") != std::string::npos) {
      faults_.add(where(*when->value), "\"when\" is an expression already", "leave out ${{ and }}");
      return;
    }
    decision.cases.back().when = Expression::parse(text, where(*when->value));
  }

  std::shared_ptr<const Document> document_;
  const YamlEntry& entry_;
  const YamlNode& map_;
  Faults& faults_;
};

}  // namespace

Node read_node(const std::shared_ptr<const Document>& document, const YamlEntry& entry, Faults& faults) {
  return NodeReader(document, entry, faults).read();
}

}  // namespace presswork::workflow::detail
