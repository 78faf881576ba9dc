#include "orchestrator/cli/output.h"

#include <unistd.h>

#include <cerrno>

#include "orchestrator/report/screen.h"

namespace presswork::cli {

Output::Output(int descriptor) : descriptor_(descriptor) {
  const report::TerminalFacts facts = report::terminal_facts(descriptor);
  terminal_ = facts.terminal;
  style_ = facts.style;
}

std::size_t Output::columns() const {
  return terminal_ ? static_cast<std::size_t>(report::terminal_size(descriptor_).columns) : 0;
}

void Output::text(std::string_view text) {
  pending_.append(text);
  if (pending_.size() > (1u << 16)) flush();
}

void Output::line(std::string_view line) { pending_.append(line).append("\n"); }

void Output::json(const base::Json& document) {
  line(document.dump(2, ' ', false, base::Json::error_handler_t::replace));
}

void Output::flush() {
  std::string_view rest = pending_;
  while (!rest.empty() && !gone_) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      gone_ = true;
    } else if (errno != EINTR) {
      const int reason = errno;
      pending_.clear();
      throw base::system_error("write", "the result to stdout", reason);
    }
  }
  pending_.clear();
}

namespace {

base::Json one_error(const base::Error& error) {
  base::Json json = {{"code", base::to_string(error.code)},
                     {"message", error.message},
                     {"where", error.where.to_string()},
                     {"hint", error.hint}};
  if (!error.where.file.empty()) json["file"] = error.where.file;
  if (error.where.line > 0) json["line"] = error.where.line;
  if (error.where.column > 0) json["column"] = error.where.column;
  return json;
}

}  // namespace

base::Json error_json(const base::Error& error) {
  base::Json json = one_error(error);
  for (const base::Error& other : error.others) json["others"].push_back(one_error(other));
  return {{"error", json}};
}

}  // namespace presswork::cli
