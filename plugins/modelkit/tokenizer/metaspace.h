// SentencePiece's way with spaces: a mark (U+2581) in their place, and often one before the text.
#pragma once

#include <string>

#include "plugins/modelkit/tokenizer/json_node.h"

namespace presswork::modelkit {

struct Metaspace {
  enum class Scheme { always, first, never };  // where a mark is put before the text

  explicit Metaspace(const JsonNode& node) : split(node.boolean("split", true)) {
    if (node.gives("replacement")) {
      mark.clear();
      utf8::append(mark, node.at("replacement").character());
    }
    const std::string name = node.text("prepend_scheme", "always");
    if (name == "first") {
      scheme = Scheme::first;
    } else if (name == "never" || !node.boolean("add_prefix_space", true)) {  // how older files say it
      scheme = Scheme::never;
    } else if (name != "always") {
      node.at("prepend_scheme").wrong("\"always\", \"first\" or \"never\"");
    }
  }

  std::string mark = "\xE2\x96\x81";
  Scheme scheme = Scheme::always;
  bool split;
};

}  // namespace presswork::modelkit
