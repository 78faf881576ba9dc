// Cuts the text of an expression into tokens.
#pragma once

#include <string>
#include <string_view>

#include "orchestrator/base/json.h"

namespace presswork::workflow::detail {

struct Token {
  enum class Kind { end, literal, word, symbol };
  Kind kind = Kind::end;
  std::size_t offset = 0;
  std::string text;  // word, symbol
  base::Json value;  // literal number or text
};

class Lexer {
 public:
  explicit Lexer(std::string_view text);  // throws ExpressionFault, as take() does

  const Token& peek() const { return token_; }
  Token take();

 private:
  void read();
  void read_number();
  void read_text();
  void read_symbol();

  std::string_view text_;
  std::size_t at_ = 0;
  Token token_;
};

}  // namespace presswork::workflow::detail
