#include <algorithm>

#include "orchestrator/base/units.h"
#include "orchestrator/workflow/read_parts.h"

namespace presswork::workflow::detail {

namespace {

// The keys that say of what kind a node is, and those that only a stage takes.
constexpr std::string_view kind_keys[] = {"uses", "decide", "loop", "select"};
constexpr std::string_view stage_keys[] = {"with", "inputs",    "retry",  "timeout",   "grace",
                                           "seed", "resources", "matrix", "on_failure"};

class NodeReader {
 public:
  NodeReader(std::shared_ptr<const Document> document, const YamlEntry& entry, Faults& faults)
      : parts_(std::move(document), faults), entry_(entry), map_(*entry.value) {}

  workflow::Node read() {
    workflow::Node node;
    node.id = entry_.key;
    node.where = parts_.key_where(entry_);
    node.description = text_of(map_, "description");
    read_after(node);
    node.join = join();
    const std::string_view kind = kind_of(node);
    if (kind == "uses") {
      node.work = stage();
      return node;
    }
    for (const std::string_view key : stage_keys) {
      if (const YamlEntry* extra = map_.find(key)) {
        const std::string word = kind == "decide" ? "decision" : kind == "select" ? "selection" : "loop";
        parts_.fault(parts_.key_where(*extra), "a " + word + " takes no \"" + extra->key + "\"",
                     "\"" + node.id + "\" is a " + word + " because it has \"" + std::string(kind) + "\"");
      }
    }
    const YamlNode& work = *map_.find(kind)->value;
    if (kind == "decide") node.work = decision(work);
    if (kind == "loop") node.work = read_loop(parts_, work);
    if (kind == "select") node.work = read_select(parts_, work);
    return node;
  }

 private:
  std::string_view kind_of(const workflow::Node& node) {
    std::string_view kind;
    for (const std::string_view key : kind_keys) {
      const YamlEntry* entry = map_.find(key);
      if (entry == nullptr) continue;
      if (!kind.empty()) {
        parts_.fault(parts_.key_where(*entry),
                     "a node has only one of \"uses\", \"decide\", \"loop\" and \"select\"",
                     "\"" + node.id + "\" has \"" + std::string(kind) + "\" already");
      } else {
        kind = key;
      }
    }
    if (!kind.empty()) return kind;
    parts_.fault(node.where, "\"" + node.id + "\" does nothing",
                 "add \"uses: …\" to make it a stage, or \"decide: …\" to make it a decision");
    return "uses";
  }

  void read_after(workflow::Node& node) {
    const YamlEntry* after = map_.find("after");
    if (after == nullptr) return;
    if (after->value->kind == YamlNode::Kind::list) {
      for (const YamlPtr& item : after->value->items) add_after(node, *item);
    } else {
      add_after(node, *after->value);
    }
  }

  void add_after(workflow::Node& node, const YamlNode& item) {
    const std::string& text = item.scalar.get_ref<const std::string&>();
    const std::size_t dot = text.find('.');
    After after{text.substr(0, dot), dot == std::string::npos ? "" : text.substr(dot + 1),
                parts_.where(item)};
    if (!is_identifier(after.node) || (dot != std::string::npos && !is_label(after.branch))) {
      parts_.fault(after.where, "\"" + text + "\" names no node",
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

  Stage stage() {
    Stage stage;
    if (const YamlEntry* uses = map_.find("uses")) {
      stage.uses = uses->value->scalar.get<std::string>();
      stage.uses_where = parts_.where(*uses->value);
    }
    if (const YamlEntry* with = map_.find("with")) stage.with = parts_.templated(with->value);
    if (const YamlEntry* inputs = map_.find("inputs")) stage.inputs = parts_.inputs(*inputs->value);
    if (const YamlEntry* retry = map_.find("retry")) read_retry(stage.retry, *retry->value);
    stage.timeout = parts_.duration(map_, "timeout", stage.timeout);
    stage.grace = parts_.duration(map_, "grace", stage.grace);
    if (const YamlEntry* resources = map_.find("resources"))
      read_resources(stage.resources, *resources->value);
    if (const YamlEntry* seed = map_.find("seed")) stage.seed = parts_.whole(*seed->value);
    const std::string on_failure = text_of(map_, "on_failure");
    if (on_failure == "continue") stage.on_failure = OnFailure::carry_on;
    if (on_failure == "rollback") stage.on_failure = OnFailure::rollback;
    if (const YamlEntry* matrix = map_.find("matrix")) stage.matrix = read_matrix(parts_, *matrix->value);
    return stage;
  }

  void read_retry(Retry& retry, const YamlNode& map) {
    retry.attempts = map.find("attempts")->value->scalar.get<int>();
    retry.backoff = parts_.duration(map, "backoff", retry.backoff);
    retry.backoff_cap = parts_.duration(map, "backoff_cap", retry.backoff_cap);
    if (const YamlEntry* on = map.find("on")) {
      retry.on.clear();
      for (const YamlPtr& item : on->value->items) retry.on.push_back(item->scalar.get<std::string>());
    }
  }

  void read_resources(Resources& resources, const YamlNode& map) {
    if (const YamlEntry* cores = map.find("cores")) resources.cores = cores->value->scalar.get<int>();
    if (const YamlEntry* gpus = map.find("gpus")) resources.gpus = gpus->value->scalar.get<int>();
    if (const YamlEntry* tokens = map.find("tokens")) {
      for (const YamlEntry& entry : tokens->value->entries) {
        resources.tokens[entry.key] = entry.value->scalar.get<int>();
      }
    }
    const YamlEntry* memory = map.find("memory");
    if (memory == nullptr) return;
    const base::Json& value = memory->value->scalar;
    resources.memory = value.is_string() ? base::parse_bytes(value.get_ref<const std::string&>())
                                         : std::optional(parts_.whole(*memory->value));
    if (resources.memory.value_or(0) == 0) {
      parts_.fault(parts_.where(*memory->value), value.dump() + " is no amount of memory",
                   "for example 512MiB or 8GiB");
    }
  }

  Decision decision(const YamlNode& list) {
    Decision decision;
    for (const YamlPtr& item : list.items) read_case(decision, *item, item == list.items.back());
    return decision;
  }

  void read_case(Decision& decision, const YamlNode& item, bool last) {
    const YamlEntry* when = item.find("when");
    const YamlEntry* then = item.find("then");
    const YamlEntry* otherwise = item.find("default");
    if ((when != nullptr) != (then != nullptr) || (when != nullptr) == (otherwise != nullptr)) {
      parts_.fault(parts_.where(item), "this is no branch of a decision",
                   "write {when: expression, then: branch}, or at the end {default: branch}");
      return;
    }
    const YamlNode& branch = *(then != nullptr ? then : otherwise)->value;
    Case result{{}, branch.scalar.get<std::string>(), parts_.where(item)};
    if (!is_label(result.then)) {
      parts_.fault(parts_.where(branch), "\"" + result.then + "\" cannot be the name of a branch",
                   "names are letters, digits, _ and -");
    }
    if (otherwise != nullptr && !last) {
      parts_.fault(parts_.where(item), "nothing after the default is ever reached",
                   "move the default to the end");
    }
    // A branch is known by name even when its expression is at fault.
    if (when != nullptr) result.when = parts_.expression(*when->value, "when");
    decision.cases.push_back(std::move(result));
  }

  PartReader parts_;
  const YamlEntry& entry_;
  const YamlNode& map_;
};

}  // namespace

workflow::Node read_node(const std::shared_ptr<const Document>& document, const YamlEntry& entry,
                         Faults& faults) {
  return NodeReader(document, entry, faults).read();
}

}  // namespace presswork::workflow::detail
