// The guide's two checklists (SPEC.md §7), judged on what stages left behind.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "plugins/modelkit/wording/message.h"

namespace presswork::checking {

using Json = nlohmann::json;

enum class State { pass, fail, not_run };
const char* name_of(State state);

struct Gate {
  std::string id;     // "baseline"
  std::string group;  // "model analysis"
  modelkit::Message title;
  State state = State::not_run;
  modelkit::Message why;
};

// What is there; null: not connected.
struct BeforeFacts {
  Json analysis, hardware, strategy;
  bool text = false, calibration = false, original = false;
};
std::vector<Gate> before_compression(const BeforeFacts& facts);

struct AfterFacts {
  Json test;                       // of deploy/test
  bool accuracy_on_tasks = false;  // a metrics file of evaluate/accuracy is connected
  Json approval;                   // of check/approval; null: not connected
  bool own_scenarios = false;      // one measured on texts or prompts of the user's own
};
std::vector<Gate> after_compression(const AfterFacts& facts);

Json to_json(const Gate& gate);

}  // namespace presswork::checking
