#include "plugins/modelkit/checkpoint/shard_index.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "plugins/modelkit/formats/json_text.h"
#include "presswork/error.h"

namespace presswork::modelkit {

std::map<std::string, std::string> parse_shard_index(std::string_view text, const std::string& where) {
  const auto index = parse_json(text, where);
  std::map<std::string, std::string> shards;
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    throw Error("corrupt_file", "has no \"weight_map\"", where, "download the model folder again");
  }
  for (const auto& [name, shard] : index["weight_map"].items()) {
    if (!shard.is_string()) throw Error("corrupt_file", "gives no file name for " + name, where);
    const auto& file = shard.get_ref<const std::string&>();
    if (file.empty() || std::filesystem::path(file).filename() != file || file == "." || file == ".." ||
        file.find('\0') != std::string::npos) {
      throw Error("corrupt_file", "names the shard \"" + file + "\"; a plain file name is expected", where,
                  "use the model's original files");
    }
    shards.emplace(name, file);
  }
  if (shards.empty())
    throw Error("corrupt_file", "lists no tensors", where, "download the model folder again");
  return shards;
}

}  // namespace presswork::modelkit
