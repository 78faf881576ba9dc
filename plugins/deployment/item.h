// One thing that was checked.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "plugins/modelkit/wording/message.h"

namespace presswork::deployment {

struct Item {
  std::string id;     // "basic_inference"
  std::string group;  // functional, performance, accuracy
  modelkit::Message title;
  std::string state;  // pass, fail, not_run
  modelkit::Message why;
};

inline nlohmann::json to_json(const Item& item) {
  nlohmann::json json = {{"id", item.id}, {"group", item.group}, {"state", item.state}};
  put(json, "title", item.title);
  put(json, "why", item.why);
  return json;
}

inline Item judged(const char* id, const char* group, modelkit::Message title, bool passed,
                   modelkit::Message why) {
  return {id, group, std::move(title), passed ? "pass" : "fail", std::move(why)};
}

inline Item not_run(const char* id, const char* group, modelkit::Message title, modelkit::Message why) {
  return {id, group, std::move(title), "not_run", std::move(why)};
}

}  // namespace presswork::deployment
