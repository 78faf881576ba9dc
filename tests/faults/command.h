// The presswork command line of the build, with the test plugins.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace presswork::faults {

inline std::vector<std::string> presswork(std::vector<std::string> words,
                                          const std::filesystem::path& workspace) {
  words.insert(words.begin(), PRESSWORK_BINARY_DIR "/bin/presswork");
  words.insert(words.end(),
               {"--workspace", workspace.string(), "--plugin-path", PRESSWORK_BINARY_DIR "/tests/plugins"});
  return words;
}

}  // namespace presswork::faults
