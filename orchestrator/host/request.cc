#include "orchestrator/host/request.h"

namespace presswork::host {

std::optional<Request> parse_request(std::string_view line) {
  try {
    const Json json = Json::parse(line.begin(), line.end());
    Request request;
    request.nonce = json.at("nonce").get<std::string>();
    request.verb = json.at("verb").get<std::string>();
    request.plugin = json.at("plugin").get<std::string>();
    request.stage = json.at("stage").get<std::string>();
    request.parameters = json.at("parameters");
    request.inputs = json.at("inputs");
    request.work_dir = json.at("work_dir").get<std::string>();
    request.scratch_dir = json.at("scratch_dir").get<std::string>();
    request.seed = json.at("seed").get_ref<const std::uint64_t&>();
    request.threads = static_cast<std::uint32_t>(json.at("threads").get_ref<const std::uint64_t&>());
    request.memory = json.at("memory").get_ref<const std::uint64_t&>();
    request.enforce_memory = json.at("enforce_memory").get<bool>();
    request.run_facts = json.at("run_facts");
    for (const auto& [name, input] : request.inputs.items()) input.at("path").get_ref<const std::string&>();
    return request;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace presswork::host
