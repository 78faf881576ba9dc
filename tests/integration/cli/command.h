// Runs presswork in a folder of its own, with the test plugins.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "orchestrator/base/json.h"
#include "support/child.h"

namespace presswork::testing {

inline const std::string kPresswork = PRESSWORK_BINARY_DIR "/bin/presswork";
inline const std::string kTestPlugins = PRESSWORK_BINARY_DIR "/tests/plugins";

inline std::string slurp(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

struct Finished {
  int code = 0;
  std::string out, err;
  base::Json json() const { return base::Json::parse(out); }
  // By value, so that a loop over it may begin with the command that gives it.
  base::Json list(const char* key) const { return json().at(key); }
};

class Command : public ::testing::Test {
 protected:
  std::filesystem::path file(const std::string& name, const std::string& text) const {
    std::ofstream(folder.path() / name) << text;
    return folder.path() / name;
  }

  std::vector<std::string> command(const std::vector<std::string>& arguments) const {
    std::vector<std::string> words = {kPresswork};
    words.insert(words.end(), arguments.begin(), arguments.end());
    words.insert(words.end(), {"--workspace", workspace().string(), "--plugin-path", kTestPlugins});
    return words;
  }

  // Through a shell, which parts stdout from stderr.
  Finished presswork(const std::vector<std::string>& arguments, const std::string& input = {}) const {
    std::vector<std::string> words = {"/bin/sh", "-c", "cd \"$1\" && shift && exec \"$@\" <in >out 2>err",
                                      "sh", folder.path().string()};
    for (const std::string& word : command(arguments)) words.push_back(word);
    file("in", input);
    Finished finished;
    finished.code = run_to_end(words);
    finished.out = slurp(folder.path() / "out");
    finished.err = slurp(folder.path() / "err");
    return finished;
  }

  std::filesystem::path workspace() const { return folder.path() / "workspace"; }

  TemporaryFolder folder;
};

}  // namespace presswork::testing
