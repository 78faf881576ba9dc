// Tokens and their ids, both ways.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace presswork::modelkit {

class JsonNode;

class Vocabulary {
 public:
  // `node`: an object {token: id}. Throws "corrupt_file" when it is none, or when ids are so far apart that a
  // table of them would be absurd.
  explicit Vocabulary(const JsonNode& node);
  Vocabulary(Vocabulary&&) = default;

  std::optional<std::int32_t> id(std::string_view token) const {
    const auto found = ids_.find(token);
    if (found == ids_.end()) return std::nullopt;
    return found->second;
  }
  // Empty view with a null pointer when no token has that id.
  std::string_view token(std::int32_t id) const {
    const auto at = static_cast<std::size_t>(id);
    return id >= 0 && at < tokens_.size() ? tokens_[at] : std::string_view();
  }

  std::size_t count() const { return ids_.size(); }
  std::int32_t ids_end() const { return static_cast<std::int32_t>(tokens_.size()); }  // highest id + 1

 private:
  std::vector<char> characters_;  // of all tokens; a vector, so that views survive a move
  std::vector<std::string_view> tokens_;
  std::unordered_map<std::string_view, std::int32_t> ids_;
};

}  // namespace presswork::modelkit
