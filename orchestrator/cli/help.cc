#include "orchestrator/cli/help.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "orchestrator/report/text.h"

namespace presswork::cli {

namespace {

constexpr std::size_t kWidth = 96;

// CLI11 parts sections by one blank line or two.
std::string single_blank_lines(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' && out.size() >= 2 && out.ends_with("\n\n")) continue;
    out += c;
  }
  return out;
}

}  // namespace

std::string wrap(const std::string& text, std::size_t width) {
  std::istringstream words(text);
  std::string out, line;
  for (std::string word; words >> word;) {
    if (!line.empty() && report::display_width(line) + 1 + report::display_width(word) > width) {
      out += line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return out + line + "\n";
}

HelpFormatter::HelpFormatter(std::map<std::string, std::string> summaries)
    : summaries_(std::move(summaries)) {
  column_width(30);
  label("Positionals", "Arguments");
  label("REQUIRED", "");
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
  return single_blank_lines(CLI::Formatter::make_help(app, std::move(name), mode));
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string) const {
  std::string usage = "Usage: presswork";
  if (app->get_parent() == nullptr) return usage + " VERB [OPTIONS]\n";
  usage += " " + app->get_name() + " [OPTIONS]";
  for (const CLI::Option* option :
       app->get_options([](const CLI::Option* one) { return one->get_positional(); })) {
    std::string word = option->get_name(true);
    if (option->get_expected_max() > 1) word += "...";
    usage += " " + (option->get_required() ? word : "[" + word + "]");
  }
  return usage + "\n";
}

std::string HelpFormatter::make_description(const CLI::App* app) const {
  return wrap(app->get_description(), kWidth) + "\n";
}

std::string HelpFormatter::make_subcommand(const CLI::App* sub) const {
  const auto it = summaries_.find(sub->get_name());
  return "  " + report::pad_right(sub->get_name(), 12) + (it == summaries_.end() ? "" : it->second) + "\n";
}

}  // namespace presswork::cli
