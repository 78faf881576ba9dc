#include "count_lines.h"

#include <cstdio>
#include <presswork/testing.hpp>

int main() {
  presswork::testing::StageRunner<example::CountLines> runner;
  const char* path = "count_lines_test.txt";
  std::ofstream(path) << "one\ntwo\n";
  const auto result = runner.parameter("separator", " | ").input("text", path).run();
  std::remove(path);
  if (!result.ok() || result.metrics.at("lines") != 2) {
    std::fprintf(stderr, "failed: %s\n", result.message.c_str());
    return 1;
  }
  std::string first;
  std::getline(std::ifstream(result.outputs.at("text")) >> std::ws, first);
  return first == "1 | one" ? 0 : 1;
}
