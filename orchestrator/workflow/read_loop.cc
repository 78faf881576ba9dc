// `loop:`.
#include "orchestrator/workflow/read_parts.h"

namespace presswork::workflow::detail {

namespace {

std::optional<ParamType> state_type(std::string_view text) {
  if (text == "path") return ParamType::path;
  if (text == "integer") return ParamType::integer;
  if (text == "number") return ParamType::number;
  if (text == "boolean") return ParamType::boolean;
  if (text == "list") return ParamType::list;
  if (text == "string") return ParamType::string;
  return std::nullopt;  // artifact
}

class LoopReader {
 public:
  LoopReader(PartReader& parts, const YamlNode& map) : parts_(parts), map_(map) {}

  Loop read() {
    const YamlEntry& max = *map_.find("max");
    loop_.max = parts_.templated(max.value);
    loop_.max_where = parts_.where(*max.value);
    if (const YamlEntry* state = map_.find("state")) {
      for (const YamlEntry& entry : state->value->entries) read_variable(entry);
    }
    loop_.body = std::make_shared<Scope>(
        read_scope(parts_.document(), *map_.find("body")->value, parts_.faults()));
    const YamlNode& decide = *map_.find("decide")->value;
    for (const YamlPtr& item : decide.items) read_case(*item, item == decide.items.back());
    read_exhausted();
    loop_.exports = parts_.exports(map_);
    return std::move(loop_);
  }

 private:
  void read_variable(const YamlEntry& entry) {
    StateVariable variable;
    variable.name = entry.key;
    variable.where = parts_.key_where(entry);
    if (!is_identifier(entry.key)) {
      parts_.fault(variable.where, "\"" + entry.key + "\" cannot be the name of a state variable",
                   "names are letters, digits and _");
    }
    variable.type = state_type(text_of(*entry.value, "type"));
    const YamlEntry& initial = *entry.value->find("initial");
    if (variable.type) {
      variable.initial = parts_.templated(initial.value);
    } else if (auto input = parts_.input(initial)) {
      variable.initial_artifact = std::move(*input);
    }
    loop_.state.push_back(std::move(variable));
  }

  void read_case(const YamlNode& item, bool last) {
    const YamlEntry* when = item.find("when");
    const YamlEntry* then = item.find("then");
    const YamlEntry* otherwise = item.find("default");
    if ((when != nullptr) != (then != nullptr) || (when != nullptr) == (otherwise != nullptr)) {
      parts_.fault(parts_.where(item), "this does not say how the loop goes on",
                   "write {when: expression, then: break, continue or fail}, or at the end {default: …}");
      return;
    }
    if (otherwise != nullptr && !last) {
      parts_.fault(parts_.where(item), "nothing after the default is ever reached",
                   "move the default to the end");
    }
    LoopCase result;
    result.where = parts_.where(item);
    const std::string word = (then != nullptr ? then : otherwise)->value->scalar.get<std::string>();
    result.action = word == "break"      ? LoopCase::Action::leave
                    : word == "continue" ? LoopCase::Action::again
                                         : LoopCase::Action::fail;
    result.message = text_of(item, "message");
    if (const YamlEntry* message = item.find("message");
        message != nullptr && result.action != LoopCase::Action::fail) {
      parts_.fault(parts_.key_where(*message), "\"message\" belongs to fail, not to " + word);
    }
    if (const YamlEntry* set = item.find("set")) read_set(result, *set, word);
    if (when != nullptr) result.when = parts_.expression(*when->value, "when");
    if (when == nullptr || result.when) loop_.decide.push_back(std::move(result));
  }

  void read_set(LoopCase& result, const YamlEntry& set, const std::string& word) {
    if (result.action != LoopCase::Action::again) {
      parts_.fault(parts_.key_where(set), "\"set\" belongs to continue, not to " + word);
      return;
    }
    for (const YamlEntry& entry : set.value->entries) {
      const StateVariable* variable = loop_.variable(entry.key);
      if (variable == nullptr) {
        std::vector<std::string> names;
        for (const StateVariable& known : loop_.state) names.push_back(known.name);
        parts_.fault(parts_.key_where(entry), "the loop has no state \"" + entry.key + "\"",
                     names.empty() ? "declare it under \"state:\"" : suggest(entry.key, names));
      } else if (variable->type) {
        result.set.emplace(entry.key, parts_.templated(entry.value));
      } else if (auto input = parts_.input(entry)) {
        result.set_artifacts.emplace(entry.key, std::move(*input));
      }
    }
  }

  void read_exhausted() {
    const std::string word = text_of(map_, "on_exhausted");
    const YamlEntry* select = map_.find("select");
    if (word == "last") loop_.on_exhausted = Loop::Exhausted::last;
    if (word == "best") loop_.on_exhausted = Loop::Exhausted::best;
    if (select != nullptr) loop_.best = parts_.choice(*select->value);
    if (select != nullptr && word != "best") {
      parts_.fault(parts_.key_where(*select), "\"select\" of a loop belongs to \"on_exhausted: best\"");
    } else if (word == "best" && !loop_.best.objective) {
      parts_.fault(parts_.key_where(*map_.find("on_exhausted")), "the loop does not say what is best",
                   "add select: {minimize: expression}");
    }
  }

  PartReader& parts_;
  const YamlNode& map_;
  Loop loop_;
};

}  // namespace

Loop read_loop(PartReader& parts, const YamlNode& map) { return LoopReader(parts, map).read(); }

}  // namespace presswork::workflow::detail
