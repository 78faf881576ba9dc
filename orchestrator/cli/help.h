// How --help looks.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Formatter.hpp>
#include <map>
#include <string>

namespace presswork::cli {

class HelpFormatter : public CLI::Formatter {
 public:
  // `summaries`: a line for each verb, for the list of them.
  explicit HelpFormatter(std::map<std::string, std::string> summaries);

  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_description(const CLI::App* app) const override;
  std::string make_subcommand(const CLI::App* sub) const override;

 private:
  std::map<std::string, std::string> summaries_;
};

// `text` in lines of at most `width` columns.
std::string wrap(const std::string& text, std::size_t width);

}  // namespace presswork::cli
