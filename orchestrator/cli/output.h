// Results go to stdout, all else to stderr.
#pragma once

#include <string>
#include <string_view>

#include "orchestrator/base/error.h"
#include "orchestrator/base/json.h"
#include "orchestrator/report/style.h"

namespace presswork::cli {

// Collects the result of a verb; it is written by flush(). A reader that went away (`presswork runs | head
// -1`) ends the output quietly.
class Output {
 public:
  explicit Output(int descriptor = 1);

  void text(std::string_view text);       // as it is; nothing is added
  void line(std::string_view text);       // and a newline
  void json(const base::Json& document);  // indented, and a newline

  // Throws Error{io, no_space} when the result could not be written.
  void flush();

  bool reader_is_gone() const { return gone_; }
  void forbid_colour() { style_.colour = false; }
  bool to_terminal() const { return terminal_; }
  std::size_t columns() const;  // of the terminal that it goes to; 0 when it goes elsewhere
  const report::Style& style() const { return style_; }

 private:
  int descriptor_;
  bool terminal_ = false;
  bool gone_ = false;
  report::Style style_;
  std::string pending_;
};

// {"error": {"code", "message", "where", "hint", "file"?, "line"?, "column"?, "others"?}}
base::Json error_json(const base::Error& error);

}  // namespace presswork::cli
