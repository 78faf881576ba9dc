// JSON values, and the one canonical text of a value that digests are taken of.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace presswork::base {

using Json = nlohmann::json;

// Parses `text`; throws Error{invalid_input} naming `what` with line and column. Duplicate keys in one
// object, NaN, numbers out of range and nesting deeper than 512 levels are errors.
Json parse_json(std::string_view text, std::string_view what);

// Keys sorted, no white space, numbers in their shortest form that reads back to the same value.
std::string canonical(const Json& value);

}  // namespace presswork::base
