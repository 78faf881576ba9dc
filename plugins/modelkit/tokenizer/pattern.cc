#include "plugins/modelkit/tokenizer/pattern.h"

#include "plugins/modelkit/tokenizer/json_node.h"

namespace presswork::modelkit {

Pattern::Pattern(const JsonNode& node) {
  // A bare text is how older files write {"String": ...}.
  if (node.is_string() || node.has("String")) {
    literal_ = node.is_string() ? node.text() : node.at("String").text();
    if (literal_.empty()) throw Error("unsupported", "an empty text as a pattern", node.where());
  } else if (node.has("Regex")) {
    const JsonNode regex = node.at("Regex");
    regex_.emplace(regex.text(), regex.where());
  } else {
    node.wrong("{\"String\": ...} or {\"Regex\": ...}");
  }
}

std::string Pattern::replace(std::string_view text, std::string_view content) const {
  std::string out;
  out.reserve(text.size());
  std::size_t done = 0;
  each_match(text, [&](Range match) {
    out += text.substr(done, match.begin - done);
    out += content;
    done = match.end;
  });
  out += text.substr(done);
  return out;
}

}  // namespace presswork::modelkit
