#include "plugins/report/documents.h"

#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace presswork::summary {

namespace {

// What a document of each type must have at its top.
const std::map<std::string, std::string>& marks() {
  static const std::map<std::string, std::string> marks{
      {"analysis", "presswork_analysis"},  {"strategy", "presswork_strategy"},
      {"hardware", "presswork_hardware"},  {"checklist", "presswork_checklist"},
      {"approval", "presswork_checklist"}, {"deployment-test", "presswork_deployment_test"}};
  return marks;
}

Json read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return Json::parse(text.str(), nullptr, false);
}

const Json& none() {
  static const Json null;
  return null;
}

}  // namespace

Documents::Documents(const RunFacts& facts) {
  std::set<std::string> seen;  // the same result of two stages is told once
  for (const Instance& instance : facts.instances()) {
    if (!instance.good()) continue;
    for (const Json& output : instance.outputs) {
      const auto mark = marks().find(text_of(output, "type"));
      const std::string path = facts.path_of(text_of(output, "digest"));
      if (mark == marks().end() || path.empty() || !seen.insert(path).second) continue;
      Json content = read(path);
      if (content.is_object() && content.contains(mark->second))
        all_.push_back({instance.id, mark->first, std::move(content)});
    }
  }
}

const Json& Documents::first(const std::string& type) const {
  for (const Document& document : all_) {
    if (document.type == type) return document.content;
  }
  return none();
}

const Json& Documents::last(const std::string& type) const {
  for (auto at = all_.rbegin(); at != all_.rend(); ++at) {
    if (at->type == type) return at->content;
  }
  return none();
}

}  // namespace presswork::summary
