// A compiled regular expression over UTF-8 text.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace presswork::modelkit {

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Members of a character class: a word character as Rust's regex crate sees it, which Hugging Face tokenizers
// uses in its own code, unlike in the expressions of tokenizer.json.
inline constexpr const char* rust_word = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d})";

class Regex {
 public:
  // Compiles an Oniguruma pattern (regex_syntax.h). Throws Error "unsupported" naming `where`.
  Regex(std::string_view pattern, const std::string& where);
  ~Regex();
  Regex(Regex&& other) noexcept;
  Regex& operator=(Regex&&) = delete;

  // Calls visit(Range) for every match in `text`, left to right without overlaps; an empty match right after
  // the match before is passed over, as Oniguruma's find_iter does. `text` is valid UTF-8. A pattern that
  // costs too much on this text throws Error "unsupported" instead of hanging.
  template <class Visit>
  void each_match(std::string_view text, Visit&& visit) const {
    Search search(*this, text);
    while (const std::optional<Range> match = search.next()) visit(*match);
  }

 private:
  struct Code;
  class Search {
   public:
    Search(const Regex& regex, std::string_view text) : regex_(regex), text_(text) {}
    std::optional<Range> next();

   private:
    std::optional<Range> find(std::size_t from);

    const Regex& regex_;
    std::string_view text_;
    std::size_t at_ = 0;
    std::optional<std::size_t> last_end_;
    std::size_t calls_ = 0;
    double started_ = 0;
  };

  std::unique_ptr<Code> code_;
  std::string where_;
};

}  // namespace presswork::modelkit
