#include "orchestrator/workflow/expression_lexer.h"

#include <charconv>
#include <cmath>
#include <cstdint>

#include "orchestrator/workflow/expression_tree.h"
#include "orchestrator/workflow/scalar.h"

namespace presswork::workflow::detail {

namespace {

bool starts_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

}  // namespace

Lexer::Lexer(std::string_view text) : text_(text) { read(); }

Token Lexer::take() {
  Token taken = std::move(token_);
  read();
  return taken;
}

void Lexer::read() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
    ++at_;
  }
  token_ = Token();
  token_.offset = at_;
  if (at_ == text_.size()) return;
  const char c = text_[at_];
  if (is_digit(c)) return read_number();
  if (c == '"' || c == '\'') return read_text();
  if (!starts_word(c)) return read_symbol();
  const std::size_t begin = at_;
  while (at_ < text_.size() && (starts_word(text_[at_]) || is_digit(text_[at_]))) ++at_;
  token_.kind = Token::Kind::word;
  token_.text = text_.substr(begin, at_ - begin);
}

void Lexer::read_number() {
  const std::size_t begin = at_;
  const auto skip_digits = [&] {
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  };
  skip_digits();
  bool whole = true;
  if (at_ + 1 < text_.size() && text_[at_] == '.' && is_digit(text_[at_ + 1])) {
    whole = false;
    ++at_;
    skip_digits();
  }
  if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    std::size_t exponent = at_ + 1;
    if (exponent < text_.size() && (text_[exponent] == '-' || text_[exponent] == '+')) ++exponent;
    if (exponent < text_.size() && is_digit(text_[exponent])) {
      whole = false;
      at_ = exponent;
      skip_digits();
    }
  }
  if (at_ < text_.size() && starts_word(text_[at_])) {
    throw ExpressionFault{begin, "a number runs into a word",
                          "units are not known here; write plain numbers"};
  }
  token_.kind = Token::Kind::literal;
  const char* const first = text_.data() + begin;
  const char* const last = text_.data() + at_;
  if (whole) {
    std::int64_t value = 0;
    if (std::from_chars(first, last, value).ec != std::errc()) {
      throw ExpressionFault{begin, "the integer does not fit in 64 bits", "write it with a decimal point"};
    }
    token_.value = value;
  } else {
    double value = 0;
    if (std::from_chars(first, last, value).ec != std::errc() || !std::isfinite(value)) {
      throw ExpressionFault{begin, "the number does not fit in 64 bits", {}};
    }
    token_.value = value;
  }
}

void Lexer::read_text() {
  const std::size_t begin = at_;
  const char quote = text_[at_++];
  std::string value;
  while (at_ < text_.size() && text_[at_] != quote) {
    char c = text_[at_++];
    if (c == '\\') {
      if (at_ == text_.size()) break;
      c = text_[at_++];
      if (c == 'n') {
        c = '\n';
      } else if (c == 't') {
        c = '\t';
      } else if (c != '\\' && c != '"' && c != '\'') {
        throw ExpressionFault{at_ - 2, std::string("unknown escape \\") + c, R"(\\ \" \' \n \t are known)"};
      }
    }
    value += c;
  }
  if (at_ == text_.size()) {
    throw ExpressionFault{begin, "the quotation mark that opens here is never closed", {}};
  }
  ++at_;
  token_.kind = Token::Kind::literal;
  token_.value = std::move(value);
}

void Lexer::read_symbol() {
  token_.kind = Token::Kind::symbol;
  for (const std::string_view two : {"||", "&&", "==", "!=", "<=", ">="}) {
    if (text_.substr(at_, 2) == two) {
      token_.text = two;
      at_ += 2;
      return;
    }
  }
  constexpr std::string_view single = "?:!<>+-*/%()[],.";
  if (single.find(text_[at_]) != std::string_view::npos) {
    token_.text = text_[at_++];
    return;
  }
  std::size_t end = at_ + 1;
  while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80) ++end;
  std::string hint;
  if (text_[at_] == '=') hint = "\"==\" compares";
  if (text_[at_] == '&') hint = "\"&&\" means and";
  if (text_[at_] == '|') hint = "\"||\" means or";
  if (text_[at_] == '$') hint = "${{ }} is only for \"with:\"; everywhere else the expression stands alone";
  throw ExpressionFault{at_, "unexpected \"" + std::string(text_.substr(at_, end - at_)) + "\"",
                        std::move(hint)};
}

}  // namespace presswork::workflow::detail
