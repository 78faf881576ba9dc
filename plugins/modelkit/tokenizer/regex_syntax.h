// Regular expressions of tokenizer.json are Oniguruma's (Ruby syntax, as Hugging Face tokenizers compile
// them); ours are matched by PCRE2. Most of both is the same; this rewrites what is spelt alike and means
// something else.
#pragma once

#include <string>
#include <string_view>

namespace presswork::modelkit {

// `pattern` in PCRE2's syntax, for the options UTF | UCP | MULTILINE. What differs and is rewritten: \s \w \h
// (sets), \uHHHH, {n,m}+ (in Ruby not possessive), {,m}, (?m:) (Ruby's dot-all), \p{Script}, \p{Letter}. What
// has no counterpart (class intersection &&, nested classes, \W and \S-like negations inside a class) throws
// Error "unsupported"; `where` is the place in the file for that message.
std::string to_pcre2(std::string_view pattern, const std::string& where);

}  // namespace presswork::modelkit
