// One thing that was checked.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace presswork::deployment {

struct Item {
  std::string id;     // "basic_inference"
  std::string group;  // functional, performance, accuracy
  std::string title;
  std::string state;  // pass, fail, not_run
  std::string why;
};

inline nlohmann::json to_json(const Item& item) {
  return {{"id", item.id},
          {"group", item.group},
          {"title", item.title},
          {"state", item.state},
          {"why", item.why}};
}

inline Item judged(const char* id, const char* group, const char* title, bool passed,
                   const std::string& why) {
  return {id, group, title, passed ? "pass" : "fail", why};
}

inline Item not_run(const char* id, const char* group, const char* title, const std::string& why) {
  return {id, group, title, "not_run", why};
}

}  // namespace presswork::deployment
