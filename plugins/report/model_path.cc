// The way that the run took: its decisions, and the walk through the guide's tree where the workflow has its
// nodes.
#include <algorithm>
#include <map>
#include <set>

#include "plugins/report/model.h"

namespace presswork::summary::sections {

namespace {

// "attempt[2]/B_memory_over_limit": 2 and 'B'. Outside of a loop the number is 0.
struct Place {
  int attempt = 0;
  char letter = 0;
};

Place place_of(const std::string& id) {
  const std::size_t slash = id.find_last_of('/');
  const std::string last = slash == std::string::npos ? id : id.substr(slash + 1);
  Place place;
  if (last.size() > 2 && last[1] == '_' && last[0] >= 'A' && last[0] <= 'L') place.letter = last[0];
  const std::size_t open = slash == std::string::npos ? std::string::npos : id.rfind('[', slash);
  if (open == std::string::npos) return place;
  for (std::size_t at = open + 1; at < slash && id[at] >= '0' && id[at] <= '9' && place.attempt < 100000;
       ++at)
    place.attempt = place.attempt * 10 + (id[at] - '0');
  return place;
}

using Walk = std::map<int, std::map<char, std::string>>;  // attempt, letter: branch, "" of a stage

Walk walk_of(const RunFacts& facts) {
  Walk walk;
  for (const Instance& instance : facts.instances()) {
    const Place place = place_of(instance.id);
    if (place.letter != 0 && instance.good()) walk[place.attempt][place.letter] = "";
  }
  for (const Json& decision : facts.decisions()) {
    const Place place = place_of(text_of(decision, "id"));
    if (place.letter != 0) walk[place.attempt][place.letter] = text_of(decision, "branch");
  }
  return walk;
}

// The order in which an attempt meets the nodes; D comes after B no, C after B yes.
constexpr std::string_view kOrder = "BCEDFGHIJL";

}  // namespace

Json decisions(const Report& report) {
  Json list = Json::array();
  for (const Json& decision : report.facts.decisions()) {
    list.push_back({{"id", text_of(decision, "id")},
                    {"branch", text_of(decision, "branch")},
                    {"because", member(decision, "inputs", Json::object())}});
  }
  return list;
}

Json strategies(const Report& report, const Phrases& say) {
  Json list = Json::array();
  for (const Document& document : report.documents.all()) {
    if (document.type != "strategy") continue;
    list.push_back({{"stage", document.instance},
                    {"recommended", text_of(document.content, "recommended")},
                    {"why", say.said(document.content, "why")}});
  }
  return list;
}

Json tree(const Report& report) {
  const Walk walk = walk_of(report.facts);
  std::set<char> letters;
  Json visits = Json::array();
  const auto visit = [&](int attempt, char letter, const std::string& branch) {
    letters.insert(letter);
    visits.push_back({{"node", std::string(1, letter)}, {"branch", branch}, {"attempt", attempt}});
  };
  const auto outside = walk.find(0);
  const auto has = [&](char letter) { return outside != walk.end() && outside->second.contains(letter); };
  if (has('A')) visit(0, 'A', "");
  for (const auto& [attempt, nodes] : walk) {
    for (const char letter : kOrder) {
      // After L the tree goes on at C: B is asked once.
      const auto found = nodes.find(letter);
      if (found != nodes.end() && (letter != 'B' || attempt <= 1)) visit(attempt, letter, found->second);
    }
  }
  if (has('K')) visit(0, 'K', "");
  // A workflow with a letter or two by chance is not the guide's tree.
  return letters.contains('B') && letters.contains('I') ? visits : Json();
}

}  // namespace presswork::summary::sections
