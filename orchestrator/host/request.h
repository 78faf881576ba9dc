// What the executor asks a host to do.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace presswork::host {

using Json = nlohmann::json;

struct Request {
  std::string nonce;
  std::string verb;    // "describe", "plan", "run", "rollback"
  std::string plugin;  // absolute path
  std::string stage;
  Json parameters = Json::object();
  Json inputs = Json::object();  // {name: {"path", "type", "digest", "instance", "output"}}
  std::string work_dir, scratch_dir;
  std::uint64_t seed = 0;
  std::uint32_t threads = 1;
  std::uint64_t memory = 0;
  bool enforce_memory = false;
  Json run_facts;  // null when the stage does not read the run
};

// Nothing when the line is no request: a defect of the executor.
std::optional<Request> parse_request(std::string_view line);

}  // namespace presswork::host
