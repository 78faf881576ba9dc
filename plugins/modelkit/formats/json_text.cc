#include "plugins/modelkit/formats/json_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "plugins/modelkit/formats/mapped_file.h"

namespace presswork::modelkit {
namespace {

constexpr int kMaxDepth = 64;  // deeper text is an attack on recursive code further on

std::string line_and_column(std::string_view text, std::size_t position) {
  const auto before = text.substr(0, std::min(position, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto start = before.rfind('\n');
  const auto column = start == std::string_view::npos ? before.size() : before.size() - start - 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

}  // namespace

std::string read_text_file(const std::filesystem::path& path, std::uint64_t limit) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  if (bytes.size() > limit) {
    throw Error(
        "corrupt_file",
        "is " + std::to_string(bytes.size()) + " bytes large; at most " + std::to_string(limit) + " are read",
        path.string());
  }
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Error broken_json(std::string_view text, std::size_t at, const std::string& where) {
  return Error("corrupt_file", "not valid JSON at " + line_and_column(text, at), where,
               "repair the file or download it again");
}

nlohmann::ordered_json parse_json(std::string_view text, const std::string& where) {
  using Json = nlohmann::ordered_json;
  const auto limit_depth = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxDepth) throw Error("corrupt_file", "JSON nested deeper than 64 levels", where);
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), limit_depth);
  } catch (const Json::parse_error& error) {
    throw broken_json(text, error.byte, where);
  } catch (const Json::out_of_range& error) {  // a number like 1e999
    throw Error("corrupt_file", std::string("holds a number that is too large: ") + error.what(), where,
                "repair the file or download it again");
  }
}

}  // namespace presswork::modelkit
