// What a reader checks and repeats: checklists, and where everything came from.
#include <algorithm>

#include "plugins/report/model.h"

namespace presswork::summary::sections {

namespace {

const Instance* instance_of(const RunFacts& facts, const std::string& id) {
  for (const Instance& instance : facts.instances()) {
    if (instance.id == id) return &instance;
  }
  return nullptr;
}

bool is_required(const Instance* check, const Json& item) {
  if (check == nullptr) return false;
  const Json required = member(check->with, "required", Json::array());
  if (!required.is_array()) return required == true;
  return std::find(required.begin(), required.end(), text_of(item, "id")) != required.end();
}

std::string state_of(const Json& item) {
  const std::string state = text_of(item, "state");
  return state == "pass" || state == "fail" ? state : "not_run";
}

Json item_json(const Json& item, bool required, const Phrases& say) {
  return {{"title", say.said(item, "title")},
          {"group", text_of(item, "group")},
          {"state", state_of(item)},
          {"required", required},
          {"why", say.of_engine(say.said(item, "why"))}};
}

Json checklist_of(const Report& report, const Document& document, const Phrases& say) {
  const Instance* check = instance_of(report.facts, document.instance);
  Json items = Json::array();
  for (const Json& item : member(document.content, "items", Json::array())) {
    if (item.is_object()) items.push_back(item_json(item, is_required(check, item), say));
  }
  const std::string uses = check == nullptr ? "" : check->uses;
  const char* name = uses == "check/before-compression"  ? "Checklist before compression"
                     : uses == "check/after-compression" ? "Checklist after compression"
                     : uses == "check/approval"          ? "Approval"
                                                         : "Checklist";
  return {{"name", name}, {"stage", document.instance}, {"items", items}};
}

// For a POSIX shell.
std::string quoted(const std::string& text) {
  constexpr std::string_view plain = "_-./=:,+@%";
  const bool safe = !text.empty() && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return std::isalnum(c) != 0 || plain.find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (safe) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string run_command(const RunFacts& facts) {
  const std::string file = text_of(facts.evidence(), "workflow_file");
  std::string command = "presswork run " + quoted(file.empty() ? facts.workflow() + ".yaml" : file);
  for (const auto& [name, value] : facts.parameters().items()) {
    const std::string text = value.is_string() ? value.get<std::string>()
                                               : value.dump(-1, ' ', false, Json::error_handler_t::replace);
    command += " -p " + quoted(name + "=" + text);
  }
  return command;
}

Json stages_of(const RunFacts& facts) {
  Json list = Json::array();
  const Json keys = member(facts.evidence(), "keys", Json::object());
  for (const Instance& instance : facts.instances()) {
    const Json key = member(keys, instance.id.c_str(), Json::object());
    Json outputs = Json::object();
    for (const auto& [name, output] : instance.outputs.items()) {
      if (name != "metrics") outputs[name] = text_of(output, "digest");
    }
    list.push_back({{"stage", instance.id},
                    {"uses", instance.uses},
                    {"parameters", instance.with},
                    {"outputs", outputs},
                    {"key", text_of(key, "key")},
                    {"plugin", text_of(key, "plugin")},
                    {"seed", member(key, "seed", nullptr)}});
  }
  return list;
}

std::string device_of(const RunFacts& facts) {
  for (const Json& key : member(facts.evidence(), "keys", Json::object())) {
    if (!text_of(key, "device").empty()) return text_of(key, "device");
  }
  return "";
}

}  // namespace

Json checklists(const Report& report, const Phrases& say) {
  Json list = Json::array();
  Json own = Json::array();
  for (const Json& item : report.facts.checklist())
    own.push_back(item_json(item, member(item, "required", false) == true, say));
  if (!own.empty()) list.push_back({{"name", "Checklist of the workflow"}, {"stage", ""}, {"items", own}});
  for (const Document& document : report.documents.all()) {
    if (document.type == "checklist" || document.type == "approval")
      list.push_back(checklist_of(report, document, say));
  }
  return list;
}

Json provenance(const Report& report) {
  const RunFacts& facts = report.facts;
  const std::string run = text_of(facts.evidence(), "run");
  Json commands = {run_command(facts)};
  if (!run.empty()) {
    commands.push_back("presswork status " + run + " --all");
    if (facts.result() != nullptr)
      commands.push_back("presswork explain " + run + " " + quoted(facts.result()->id));
  }
  return {{"version", PRESSWORK_VERSION},
          {"device", device_of(facts)},
          {"parameters", facts.parameters()},
          {"commands", commands},
          {"stages", stages_of(facts)}};
}

}  // namespace presswork::summary::sections
