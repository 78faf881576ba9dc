#include "orchestrator/cli/own_workflow.h"

#include <sstream>
#include <vector>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/cli/session.h"

namespace presswork::cli {

namespace {

using base::Error;
using base::ErrorCode;

// "  memory_gb:" under params: is the name of a parameter, "    default: 1" its default.
struct Line {
  std::size_t indent = 0;
  std::string key;
};

Line read_line(const std::string& text) {
  const std::size_t indent = text.find_first_not_of(' ');
  if (indent == std::string::npos || text[indent] == '#') return {};
  return {indent, text.substr(indent, text.find(':', indent) - indent)};
}

}  // namespace

fs::path data_folder() {
  fs::path folder = executable_path().parent_path().parent_path() / "share" / "presswork";
  if (base::real_file_system().status(folder / "workflows")) return folder;
  throw Error(ErrorCode::not_found, "the shipped workflows are not in " + folder.string(),
              "install Presswork as a whole, with cmake --install");
}

std::string with_defaults(const std::string& text, const std::map<std::string, base::Json>& values) {
  std::map<std::string, base::Json> left = values;
  std::istringstream lines(text);
  std::string out, line, known;
  bool in_params = false;
  auto current = left.end();
  while (std::getline(lines, line)) {
    const Line read = read_line(line);
    if (!read.key.empty() && read.indent == 0) in_params = read.key == "params";
    if (in_params && !read.key.empty() && read.indent == 2) {
      current = left.find(read.key);
      known += (known.empty() ? "" : ", ") + read.key;
    }
    if (in_params && read.indent == 4 && read.key == "default" && current != left.end()) {
      line = "    default: " + current->second.dump();  // JSON is YAML
      left.erase(current);
      current = left.end();
    }
    out += line + "\n";
  }
  if (left.empty()) return out;
  throw Error(ErrorCode::usage, "the workflow has no parameter " + left.begin()->first, "it has " + known);
}

}  // namespace presswork::cli
