// JSON from files that may be hostile: bounded in size and depth, with errors that name the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "presswork/error.h"

namespace presswork::modelkit {

// The whole file; throws "io" when it is no readable regular file (symbolic links are not followed) and
// "corrupt_file" when it is larger than `limit` bytes.
std::string read_text_file(const std::filesystem::path& path, std::uint64_t limit);

// That `text` is no JSON from its byte `at` on (counted from 1, as nlohmann::json does).
Error broken_json(std::string_view text, std::size_t at, const std::string& where);

// Throws "corrupt_file" for a syntax error (with line and column) or nesting beyond 64 levels. Keys keep
// their order.
nlohmann::ordered_json parse_json(std::string_view text, const std::string& where);

}  // namespace presswork::modelkit
