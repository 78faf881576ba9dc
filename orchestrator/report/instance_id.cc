#include "orchestrator/report/instance_id.h"

namespace presswork::report {

namespace {

// Without what stands in brackets, which may hold anything but an unpaired bracket; `mark` takes its place.
std::string without_brackets(std::string_view id, std::string_view mark) {
  std::string out;
  int depth = 0;
  for (const char c : id) {
    if (c == '[' && depth++ == 0) out += mark;
    if (depth == 0) out += c;
    if (c == ']' && depth > 0) --depth;
  }
  return out;
}

}  // namespace

std::string node_of(std::string_view id) { return without_brackets(id, ""); }

std::string pattern_of(std::string_view id) { return without_brackets(id, "[*]"); }

std::string parent_of(std::string_view node) {
  const std::size_t slash = node.rfind('/');
  return slash == std::string_view::npos ? std::string() : std::string(node.substr(0, slash));
}

std::string outermost_loop_of(std::string_view id) {
  const std::size_t end = id.find("]/");
  return end == std::string_view::npos ? std::string() : std::string(id.substr(0, id.find('[')));
}

}  // namespace presswork::report
