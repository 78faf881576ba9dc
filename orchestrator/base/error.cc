#include "orchestrator/base/error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>

namespace presswork::base {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::usage: return "usage";
    case ErrorCode::invalid_workflow: return "invalid_workflow";
    case ErrorCode::invalid_input: return "invalid_input";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::io: return "io";
    case ErrorCode::no_space: return "no_space";
    case ErrorCode::permission: return "permission";
    case ErrorCode::locked: return "locked";
    case ErrorCode::corrupt: return "corrupt";
    case ErrorCode::cannot_fit: return "cannot_fit";
    case ErrorCode::stage_failed: return "stage_failed";
    case ErrorCode::cancelled: return "cancelled";
    case ErrorCode::incompatible: return "incompatible";
    case ErrorCode::internal: return "internal";
  }
  return "internal";
}

std::string Where::to_string() const {
  if (file.empty()) return {};
  std::string text = file;
  if (line > 0) text += ":" + std::to_string(line);
  if (line > 0 && column > 0) text += ":" + std::to_string(column);
  return text;
}

Error::Error(ErrorCode code_, std::string message_, std::string hint_, Where where_)
    : code(code_), message(std::move(message_)), hint(std::move(hint_)), where(std::move(where_)) {}

Error system_error(std::string_view action, std::string_view path, int error_number) {
  ErrorCode code = ErrorCode::io;
  std::string hint;
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      code = ErrorCode::no_space;
      hint = "free some disk space and run again; what was finished is kept";
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = ErrorCode::permission;
      hint = "check the owner and the permissions of that path";
      break;
    case ENOENT:
    case ENOTDIR: code = ErrorCode::not_found; break;
    default: break;
  }
  std::string message = "cannot ";
  message.append(action).append(" ").append(path).append(": ").append(std::strerror(error_number));
  return Error(code, std::move(message), std::move(hint));
}

namespace {

void render_one(const Error& error, std::string& out) {
  const std::string place = error.where.to_string();
  if (!place.empty()) out += place + ": ";
  out += "error: " + error.message + "\n";
  if (!error.where.excerpt.empty()) {
    const std::string number = std::to_string(error.where.line);
    out += "  " + number + " | " + error.where.excerpt + "\n";
    if (error.where.column > 0) {
      std::string pad;
      // Keep tabs, so that the caret stands under the column in any tab width.
      for (int i = 0; i + 1 < error.where.column; ++i) {
        const auto at = static_cast<std::size_t>(i);
        pad += at < error.where.excerpt.size() && error.where.excerpt[at] == '\t' ? '\t' : ' ';
      }
      out += "  " + std::string(number.size(), ' ') + " | " + pad + "^\n";
    }
  }
  if (!error.hint.empty()) out += "  hint: " + error.hint + "\n";
}

}  // namespace

std::string render(const Error& error) {
  std::string out;
  render_one(error, out);
  for (const Error& other : error.others) render_one(other, out);
  return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= candidate.size(); ++j) {
        const std::size_t substituted = diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  // A short form ("int" for "integer") is meant, rather than a word of other letters.
  if (best_distance > 1 && word.size() >= 3) {
    const auto starts = [&](const std::string& candidate) { return candidate.starts_with(word); };
    const auto found = std::find_if(candidates.begin(), candidates.end(), starts);
    if (found != candidates.end()) return *found;
  }
  return best;
}

}  // namespace presswork::base
