#include "orchestrator/engine/key_changes.h"

#include <set>

namespace presswork::engine {

using base::Json;

namespace {

constexpr std::size_t longest_value = 60;

std::string shown(const Json& object, const std::string& name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || found == object.end()) return "absent";
  const std::string text = found->dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() <= longest_value ? text : text.substr(0, longest_value) + "…";
}

std::set<std::string> names_of(const Json& a, const Json& b) {
  std::set<std::string> names;
  for (const Json* object : {&a, &b}) {
    if (!object->is_object()) continue;
    for (const auto& [name, value] : object->items()) names.insert(name);
  }
  return names;
}

Json input_digests(const Json& inputs) {
  Json digests = Json::object();
  if (!inputs.is_object()) return digests;
  for (const auto& [name, input] : inputs.items()) digests[name] = input.value("digest", Json());
  return digests;
}

std::string name_of_rest(const std::string& part) {
  if (part == "plugin") return "the plugin's file";
  if (part == "device") return "the kind of processor";
  if (part == "version") return "what a key consists of (another version of presswork)";
  if (part == "facts") return "the facts of the run that it reads";
  if (part == "paths") return "a file that a parameter names";
  return part;  // stage, seed, salt
}

}  // namespace

std::vector<std::string> key_changes(const store::InstanceRow& before, const KeyParts& now) {
  if (before.key.empty() || before.key == now.key()) return {};
  std::vector<std::string> changes;
  for (const std::string& name : names_of(before.with, now.with)) {
    const std::string was = shown(before.with, name), is = shown(now.with, name);
    if (was != is) changes.push_back("with." + name + " was " + was + ", is " + is);
  }
  const Json inputs = input_digests(before.inputs);
  for (const std::string& name : names_of(inputs, now.inputs)) {
    const std::string was = shown(inputs, name), is = shown(now.inputs, name);
    if (was == is) continue;
    changes.push_back("input " + name +
                      (was == "absent"  ? " is new"
                       : is == "absent" ? " is gone"
                                        : " is another"));
  }
  const Json rest = now.rest();
  for (const std::string& name : names_of(before.key_rest, rest)) {
    if (!before.key_rest.is_object() || shown(before.key_rest, name) == shown(rest, name)) continue;
    std::string change = name_of_rest(name);
    if (name == "seed" || name == "salt" || name == "device" || name == "stage") {
      change += " was " + shown(before.key_rest, name) + ", is " + shown(rest, name);
    }
    changes.push_back(change);
  }
  if (changes.empty()) changes.push_back("something that the ledger does not tell");
  return changes;
}

}  // namespace presswork::engine
