#include "orchestrator/base/json.h"

#include <set>
#include <vector>

#include "orchestrator/base/error.h"

namespace presswork::base {

namespace {

// Levels. Printing a value recurses, and nothing that we read is nested like this.
constexpr int deepest = 512;

}  // namespace

Json parse_json(std::string_view text, std::string_view what) {
  std::vector<std::set<std::string>> keys;  // of each open object
  std::string duplicate;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > deepest) {
      throw Error(ErrorCode::invalid_input,
                  std::string(what) + " is nested deeper than " + std::to_string(deepest) + " levels");
    }
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second &&
        duplicate.empty()) {
      duplicate = parsed.get<std::string>();
    }
    return true;
  };
  try {
    Json value = Json::parse(text.begin(), text.end(), watch);
    if (!duplicate.empty()) {
      throw Error(ErrorCode::invalid_input,
                  std::string(what) + ": the key \"" + duplicate + "\" appears twice in one object",
                  "keep one of the two");
    }
    return value;
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::invalid_input, std::string(what) + " is not valid JSON: " + error.what());
  }
}

std::string canonical(const Json& value) {
  // nlohmann's object is a std::map: keys are sorted already.
  return value.dump(-1, ' ', false, Json::error_handler_t::strict);
}

}  // namespace presswork::base
