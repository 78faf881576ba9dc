// A stage in C++: counts the lines of a text file and writes them with their numbers.
#pragma once

#include <fstream>
#include <string>

#include "presswork/stage.hpp"

namespace example {

using presswork::Json;

struct CountLines : presswork::Stage {
  static constexpr const char* id = "example/count-lines";

  static Json describe() {
    return Json::parse(R"({
      "title": "Count lines",
      "description": "Counts the lines of a text and writes them with their numbers.",
      "parameters": {"type": "object", "additionalProperties": false, "properties": {
        "separator": {"type": "string", "default": ": ", "description": "Between number and line."}}},
      "inputs": {"text": {"type": "text", "description": "The text."}},
      "outputs": {"text": {"type": "text", "description": "The numbered lines."}},
      "metrics": {"lines": {"type": "integer", "description": "How many lines."}}
    })");
  }

  void run(const presswork::Context& context) override {
    const auto source = context.input("text");
    std::ifstream in(source);
    if (!in) throw presswork::Error("io", "cannot be opened", source.string(), "check its permissions");
    const auto target = context.work_dir() / "numbered.txt";
    std::ofstream out(target);
    const auto separator = context.parameter<std::string>("separator");
    int lines = 0;
    for (std::string line; std::getline(in, line);) {
      context.check_cancelled();
      out << ++lines << separator << line << '\n';
    }
    if (!out.flush()) throw presswork::Error("io", "cannot be written", target.string(), "is the disk full?");
    context.metric("lines", lines);
    context.output("text", target);
  }
};

}  // namespace example
