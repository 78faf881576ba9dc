// data/text: a text enters a workflow here, after it is checked.
#include "plugins/modelkit/data/text.h"

#include <algorithm>
#include <cstdint>

#include "presswork/stage.hpp"

namespace presswork {

class DataText : public Stage {
 public:
  static constexpr const char* id = "data/text";

  static Json describe() {
    return Json::parse(R"json({
      "title": "Take a text",
      "description": "Takes a text file for calibration or evaluation and checks it: plain UTF-8, or JSON Lines (a name that ends in .jsonl) with a text field on every line. The file is referenced, never copied or changed.",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "required": ["path"],
        "properties": {
          "path": {"type": "string", "format": "input-path", "description": "A text file in UTF-8, or JSON Lines."}
        }
      },
      "inputs": {},
      "outputs": {"text": {"type": "text", "description": "The checked file, where it lies."}},
      "metrics": {
        "bytes": {"type": "integer", "unit": "B", "description": "Bytes of text; of JSON Lines, the text fields alone."},
        "lines": {"type": "integer", "description": "Lines of text."},
        "documents": {"type": "integer", "description": "Documents: 1, or the lines of JSON Lines."}
      },
      "cacheable": true,
      "reads_run": false
    })json");
  }

  void run(const Context& context) override {
    const std::filesystem::path path = context.parameter<std::string>("path");
    std::uint64_t bytes = 0, lines = 0;
    const auto documents = modelkit::read_documents(path);
    for (const std::string& text : documents) {
      bytes += text.size();
      lines += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
      if (text.back() != '\n') ++lines;
    }
    context.metric("bytes", bytes);
    context.metric("lines", lines);
    context.metric("documents", documents.size());
    context.reference("text", path);
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-data", "0.1.0", presswork::DataText);
