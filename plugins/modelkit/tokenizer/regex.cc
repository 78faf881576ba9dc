#define PCRE2_CODE_UNIT_WIDTH 8
#include "plugins/modelkit/tokenizer/regex.h"

#include <pcre2.h>

#include <algorithm>
#include <chrono>

#include "plugins/modelkit/tokenizer/regex_syntax.h"
#include "plugins/modelkit/tokenizer/utf8.h"
#include "presswork/error.h"

namespace presswork::modelkit {

namespace {

constexpr std::size_t largest_pattern = 1 << 16;
// Backtracking steps from one starting point; the heap (KiB) of the interpreter, for patterns JIT refuses.
constexpr std::uint32_t match_limit = 10'000'000;
constexpr std::uint32_t heap_limit_kib = 256 * 1024;
// A search looks at this many starting points before the clock is checked, so that a pattern that fails
// slowly everywhere cannot hang.
constexpr std::size_t stretch = 4096;
constexpr double seconds_allowed = 20.0;
constexpr double seconds_allowed_per_byte = 20e-6;

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// What a match works with; one a thread, since it belongs to no pattern.
struct Workspace {
  Workspace()
      : data(pcre2_match_data_create(1, nullptr)),
        context(pcre2_match_context_create(nullptr)),
        stack(pcre2_jit_stack_create(32 * 1024, 8 * 1024 * 1024, nullptr)) {
    if (data == nullptr || context == nullptr) throw std::bad_alloc();
    pcre2_set_match_limit(context, match_limit);
    pcre2_set_heap_limit(context, heap_limit_kib);
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~Workspace() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  pcre2_match_data* data;
  pcre2_match_context* context;
  pcre2_jit_stack* stack;
};

Workspace& workspace() {
  thread_local Workspace own;
  return own;
}

std::string message_of(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

struct Regex::Code {
  explicit Code(pcre2_code* compiled) : code(compiled) {}
  ~Code() { pcre2_code_free(code); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  pcre2_code* code;
};

Regex::Regex(std::string_view pattern, const std::string& where) : where_(where) {
  if (pattern.size() > largest_pattern) {
    throw Error("unsupported", "the regular expression is longer than 64 KiB", where);
  }
  const std::string translated = to_pcre2(pattern, where);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  pcre2_code* code = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT, &error,
      &offset, context);
  pcre2_compile_context_free(context);
  if (code == nullptr) {
    throw Error("unsupported",
                "the regular expression cannot be compiled: " + message_of(error) + " (in \"" + translated +
                    "\", at " + std::to_string(offset) + ")",
                where);
  }
  code_ = std::make_unique<Code>(code);
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // without JIT it is slower, no more
}

Regex::~Regex() = default;
Regex::Regex(Regex&& other) noexcept = default;

std::optional<Range> Regex::Search::next() {
  while (at_ <= text_.size()) {
    const std::optional<Range> match = find(at_);
    if (!match) {
      at_ = text_.size() + 1;
      break;
    }
    if (match->begin == match->end && last_end_ == match->end) {
      at_ = match->end < text_.size() ? match->end + utf8::length(text_[match->end]) : text_.size() + 1;
      continue;
    }
    at_ = match->end;
    last_end_ = match->end;
    return match;
  }
  return std::nullopt;
}

std::optional<Range> Regex::Search::find(std::size_t from) {
  Workspace& own = workspace();
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text_.data());
  for (;;) {
    std::size_t until = from + stretch;
    if (until >= text_.size()) {
      until = PCRE2_UNSET;
    } else {
      while (utf8::is_continuation(text_[until])) --until;
    }
    pcre2_set_offset_limit(own.context, until);
    if (++calls_ % 64 == 1) {
      const double now = now_seconds();
      if (calls_ == 1) started_ = now;
      const double allowed = seconds_allowed + seconds_allowed_per_byte * static_cast<double>(text_.size());
      if (now - started_ > allowed) {
        throw Error("unsupported", "the regular expression takes far too long on this text", regex_.where_);
      }
    }
    int result = pcre2_match(regex_.code_->code, subject, text_.size(), from, PCRE2_NO_UTF_CHECK, own.data,
                             own.context);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) {
      result = pcre2_match(regex_.code_->code, subject, text_.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                           own.data, own.context);
    }
    if (result >= 0) {
      const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(own.data);
      return Range{ends[0], std::max(ends[0], ends[1])};
    }
    if (result != PCRE2_ERROR_NOMATCH) {
      throw Error("unsupported", "the regular expression fails on this text: " + message_of(result),
                  regex_.where_);
    }
    if (until == PCRE2_UNSET) return std::nullopt;
    from = until;  // the starting points up to `until` are done; that one is looked at twice
  }
}

}  // namespace presswork::modelkit
