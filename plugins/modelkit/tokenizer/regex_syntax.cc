#include "plugins/modelkit/tokenizer/regex_syntax.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>
#include <vector>

#include "presswork/error.h"

namespace presswork::modelkit {

namespace {

// Oniguruma's \w: Alphabetic, marks, decimal digits, connector punctuation, and the superscripts and
// fractions of Latin-1 (measured over all code points).
constexpr std::string_view word_class =
    "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}";
constexpr std::string_view hex_class = "0-9A-Fa-f";

struct Name {
  std::string_view onig, pcre2;
};
constexpr std::array<Name, 21> property_names{{{"letter", "L"},
                                               {"mark", "M"},
                                               {"number", "N"},
                                               {"punctuation", "P"},
                                               {"punct", "P"},
                                               {"symbol", "S"},
                                               {"separator", "Z"},
                                               {"other", "C"},
                                               {"any", "Any"},
                                               {"alpha", "Alphabetic"},
                                               {"alphabetic", "Alphabetic"},
                                               {"lower", "Lowercase"},
                                               {"lowercase", "Lowercase"},
                                               {"upper", "Uppercase"},
                                               {"uppercase", "Uppercase"},
                                               {"space", "White_Space"},
                                               {"whitespace", "White_Space"},
                                               {"emoji", "Emoji"},
                                               {"extendedpictographic", "Extended_Pictographic"},
                                               {"digit", "Nd"},
                                               {"decimalnumber", "Nd"}}};

class Rewriter {
 public:
  Rewriter(std::string_view pattern, const std::string& where) : in_(pattern), where_(where) {}

  std::string rewrite() {
    while (at_ < in_.size()) item();
    return std::move(out_);
  }

 private:
  [[noreturn]] void unsupported(const std::string& what) const {
    throw Error("unsupported", "the regular expression uses " + what + ", which this tokenizer does not know",
                where_, "please report the model, with its tokenizer.json");
  }
  bool next_is(std::string_view text) const { return in_.substr(at_, text.size()) == text; }

  void item() {
    const char c = in_[at_];
    if (c == '(') {
      open_group();
    } else if (c == ')') {
      out_ += in_[at_++];
      if (!groups_.empty()) {
        atom_ = groups_.back();
        groups_.pop_back();
      }
    } else if (c == '*' || c == '+' || c == '?') {
      out_ += in_[at_++];
    } else if (c == '{' && interval()) {
      return;
    } else {
      atom_ = out_.size();
      if (c == '[') {
        char_class();
      } else if (c == '\\') {
        escape(false);
      } else if (c == '{') {
        out_ += "\\{";
        ++at_;
      } else {
        character();
      }
    }
  }

  // One whole UTF-8 character, so that a repetition after it never starts inside one.
  void character() {
    out_ += in_[at_++];
    while (at_ < in_.size() && (static_cast<unsigned char>(in_[at_]) & 0xC0) == 0x80) out_ += in_[at_++];
  }

  void open_group() {
    groups_.push_back(out_.size());
    out_ += in_[at_++];
    if (!next_is("?")) return;
    if (next_is("?#") || next_is("?~") || next_is("?("))
      unsupported("the group \"(?...\" at offset " + std::to_string(at_ - 1));
    out_ += in_[at_++];
    // Option letters up to ':' or ')'. Ruby's m lets the dot match a newline: PCRE2's s.
    std::size_t end = at_;
    while (end < in_.size() && (std::isalpha(static_cast<unsigned char>(in_[end])) || in_[end] == '-')) ++end;
    if (end >= in_.size() || (in_[end] != ':' && in_[end] != ')')) return;
    for (; at_ < end; ++at_) {
      if (in_[at_] == 'x') unsupported("the option x");
      out_ += in_[at_] == 'm' ? 's' : in_[at_];
    }
  }

  // {n}, {n,}, {n,m}, {,m}. In Ruby syntax a '+' after it repeats it again; in PCRE2 it makes it possessive.
  bool interval() {
    const std::size_t close = in_.find('}', at_);
    if (close == std::string_view::npos || close == at_ + 1 || close - at_ > 16) return false;
    const std::string_view body = in_.substr(at_ + 1, close - at_ - 1);
    const bool plain =
        std::all_of(body.begin(), body.end(), [](char c) { return c == ',' || (c >= '0' && c <= '9'); });
    if (!plain || body == "," || std::count(body.begin(), body.end(), ',') > 1) return false;
    out_ += body[0] == ',' ? "{0" : "{";
    out_ += body;
    out_ += '}';
    at_ = close + 1;
    if (next_is("+")) {
      out_.insert(atom_, "(?:");
      out_ += ')';
    }
    return true;
  }

  void char_class() {
    out_ += in_[at_++];
    if (next_is("^")) out_ += in_[at_++];
    if (next_is("]")) {  // first in the class, it stands for itself
      out_ += "\\]";
      ++at_;
    }
    while (at_ < in_.size() && in_[at_] != ']') {
      if (next_is("&&")) unsupported("\"&&\" in a character class");
      if (next_is("[:")) {
        const std::size_t close = in_.find(":]", at_);
        if (close == std::string_view::npos) unsupported("\"[:\" without its end");
        out_ += in_.substr(at_, close + 2 - at_);
        at_ = close + 2;
      } else if (in_[at_] == '[') {
        unsupported("a character class inside another");
      } else if (in_[at_] == '\\') {
        escape(true);
      } else {
        character();
      }
    }
    if (at_ >= in_.size()) unsupported("a character class without its end");
    out_ += in_[at_++];
  }

  void set(std::string_view members, bool negated, bool in_class) {
    if (in_class) {
      if (negated) unsupported("a negated set (\\W, \\H) in a character class");
      out_ += members;
    } else {
      out_ += negated ? "[^" : "[";
      out_ += members;
      out_ += ']';
    }
  }

  void escape(bool in_class) {
    if (at_ + 1 >= in_.size()) unsupported("a backslash at its end");
    const char c = in_[at_ + 1];
    at_ += 2;
    switch (c) {
      case 's':
        out_ += "\\p{White_Space}";
        return;
      case 'S':
        out_ += "\\P{White_Space}";
        return;
      case 'w':
        return set(word_class, false, in_class);
      case 'W':
        return set(word_class, true, in_class);
      case 'h':
        return set(hex_class, false, in_class);
      case 'H':
        return set(hex_class, true, in_class);
      case 'v':
        out_ += "\\x{0b}";
        return;
      case 'u':
        return code_point();
      case 'p':
      case 'P':
        return property(c);
      case 'R':
      case 'X':
      case 'K':
      case 'G':
      case 'y':
      case 'Y':
      case 'O':
      case 'N':
      case 'Q':
      case 'E':
      case 'C':
      case 'g':
      case 'k':
      case 'L':
      case 'U':
        unsupported(std::string("\\") + c);
      default:
        break;
    }
    --at_;
    out_ += '\\';
    if ((static_cast<unsigned char>(c) & 0x80) != 0)
      out_.pop_back();  // an escaped non-ASCII letter is itself
    character();
  }

  void code_point() {
    const std::string_view digits = in_.substr(at_, 4);
    const bool hex = std::all_of(digits.begin(), digits.end(),
                                 [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; });
    if (digits.size() < 4 || !hex) unsupported("\\u without four hexadecimal digits");
    out_ += "\\x{";
    out_ += digits;
    out_ += '}';
    at_ += 4;
  }

  void property(char letter) {
    const std::size_t close = in_.find('}', at_);
    if (!next_is("{") || close == std::string_view::npos) unsupported("\\p without {name}");
    std::string name(in_.substr(at_ + 1, close - at_ - 1));
    at_ = close + 1;
    bool negated = letter == 'P';
    if (!name.empty() && name[0] == '^') {
      negated = !negated;
      name.erase(0, 1);
    }
    out_ += negated ? "\\P{" : "\\p{";
    out_ += property_name(name);
    out_ += '}';
  }

  static std::string property_name(const std::string& name) {
    if (name.size() <= 2) return name;  // a general category
    std::string folded;
    for (const char c : name) {
      if (c != '_' && c != ' ' && c != '-')
        folded += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    for (const Name& known : property_names) {
      if (known.onig == folded) return std::string(known.pcre2);
    }
    return "sc:" + name;  // plain names mean Script_Extensions to PCRE2 and Script to Oniguruma
  }

  std::string_view in_;
  const std::string& where_;
  std::size_t at_ = 0;
  std::string out_;
  std::size_t atom_ = 0;             // where the last atom starts in out_
  std::vector<std::size_t> groups_;  // where the open groups start in out_
};

}  // namespace

std::string to_pcre2(std::string_view pattern, const std::string& where) {
  return Rewriter(pattern, where).rewrite();
}

}  // namespace presswork::modelkit
