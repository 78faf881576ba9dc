// model.safetensors.index.json: which file holds which tensor.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace presswork::modelkit {

// Tensor name -> shard file name. Shard names must be plain file names. Throws "corrupt_file"; `where` names
// the file.
std::map<std::string, std::string> parse_shard_index(std::string_view text, const std::string& where);

}  // namespace presswork::modelkit
