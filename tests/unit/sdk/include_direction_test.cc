// The borders of DESIGN.md: who may include whom. Reads every #include of the tree.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <vector>

namespace presswork {
namespace {

namespace fs = std::filesystem;

// The orchestrator's rooms, from the ground up: each may include itself and those listed.
const std::map<std::string, std::vector<std::string>>& rooms() {
  static const std::map<std::string, std::vector<std::string>> rooms = {
      {"base", {}},
      {"host", {}},
      {"executor", {"base", "host"}},
      {"plugins", {"base", "executor"}},
      {"workflow", {"base", "executor", "plugins"}},
      {"store", {"base"}},
      {"engine", {"base", "executor", "plugins", "workflow", "store"}},
      {"report", {"base", "executor", "plugins", "workflow", "store", "engine"}},
      {"cli", {"base", "executor", "plugins", "workflow", "store", "engine", "report"}},
  };
  return rooms;
}

struct Place {
  std::string area;  // "sdk", "orchestrator", "plugins", or "" for a header from outside
  std::string room;  // below it
};

Place place_of(const std::string& path) {
  static const std::regex parts("^(sdk|orchestrator|plugins)/([^/]+)(/.*)?$");
  std::smatch match;
  if (path.rfind("presswork/", 0) == 0) return {"sdk", "include"};
  if (!std::regex_match(path, match, parts)) return {};
  return {match[1], match[2]};
}

bool allowed(const Place& from, const Place& to, const std::string& included) {
  if (to.area.empty()) return true;
  if (from.area == "sdk") return to.area == "sdk";
  if (from.area == "plugins") {
    return to.area == "sdk" || (to.area == "plugins" && (to.room == from.room || to.room == "modelkit"));
  }
  if (to.area == "sdk") return included.find("stage_abi.h") != std::string::npos;
  if (to.area != "orchestrator") return false;
  if (to.room == from.room) return true;
  const auto& known = rooms();
  const auto room = known.find(from.room);
  return room != known.end() &&
         std::find(room->second.begin(), room->second.end(), to.room) != room->second.end();
}

std::vector<std::string> crossings(const fs::path& root, const fs::path& file) {
  static const std::regex include("^\\s*#\\s*include\\s*[<\"]([^>\"]+)[>\"].*");
  const std::string name = file.lexically_relative(root).generic_string();
  const Place from = place_of(name);
  std::vector<std::string> found;
  std::ifstream text(file);
  std::smatch match;
  int number = 0;
  for (std::string line; std::getline(text, line);) {
    ++number;
    if (line.find("include") == std::string::npos || !std::regex_match(line, match, include)) continue;
    if (!allowed(from, place_of(match[1]), match[1])) {
      found.push_back(name + ":" + std::to_string(number) + " must not include " + match[1].str());
    }
  }
  return found;
}

bool is_source(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".h" || extension == ".hpp" || extension == ".cc" || extension == ".c";
}

TEST(IncludeDirectionTest, no_include_crosses_a_border_the_wrong_way) {
  const fs::path root = PRESSWORK_SOURCE_DIR;
  int files = 0;
  for (const char* area : {"sdk", "orchestrator", "plugins"}) {
    const auto options = fs::directory_options::follow_directory_symlink;
    for (const auto& entry : fs::recursive_directory_iterator(root / area, options)) {
      if (!entry.is_regular_file() || !is_source(entry.path())) continue;
      ++files;
      for (const std::string& crossing : crossings(root, entry.path())) ADD_FAILURE() << crossing;
    }
  }
  EXPECT_GT(files, 20);
}

TEST(IncludeDirectionTest, the_rule_itself_tells_right_from_wrong) {
  const Place sdk = place_of("sdk/include/presswork/stage.hpp"),
              engine = place_of("orchestrator/engine/run.cc"),
              store = place_of("orchestrator/store/ledger.cc"), rtn = place_of("plugins/quantization/rtn.cc"),
              host = place_of("orchestrator/host/plugin.cc");
  EXPECT_TRUE(allowed(engine, place_of("orchestrator/store/ledger.h"), ""));
  EXPECT_FALSE(allowed(store, place_of("orchestrator/engine/run.h"), ""));
  EXPECT_FALSE(allowed(store, place_of("orchestrator/workflow/workflow.h"), ""));
  EXPECT_FALSE(allowed(sdk, place_of("orchestrator/base/error.h"), ""));
  EXPECT_FALSE(allowed(engine, place_of("plugins/modelkit/model.h"), ""));
  EXPECT_TRUE(allowed(host, place_of("presswork/stage_abi.h"), "presswork/stage_abi.h"));
  EXPECT_FALSE(allowed(host, place_of("presswork/stage.hpp"), "presswork/stage.hpp"));
  EXPECT_TRUE(allowed(rtn, place_of("plugins/modelkit/model.h"), ""));
  EXPECT_FALSE(allowed(rtn, place_of("plugins/evaluation/perplexity.h"), ""));
  EXPECT_FALSE(allowed(rtn, place_of("orchestrator/base/json.h"), ""));
}

}  // namespace
}  // namespace presswork
