// What the sections of the page are made of. Text given here is escaped; `html` in a name says that it is
// markup already.
#pragma once

#include <string>
#include <vector>

#include "plugins/report/phrases.h"
#include "plugins/report/run_facts.h"

namespace presswork::summary {

std::string code_html(const std::string& text);
std::string json_html(const Json& value);
std::string paragraph(const std::string& text, const char* style = "");
std::string list_html(const Json& sentences);
std::string figure_html(const std::string& svg, const std::string& caption);

// The start of what can be scrolled sideways, with a name for those who do not see it.
std::string wide_html(const std::string& name);

// A table whose cells are markup; columns that begin with "#" hold numbers, with "~" long text.
class Table {
 public:
  Table(const std::vector<const char*>& columns, const Phrases& say);
  void row(const std::vector<std::string>& cells_html);
  std::string end();

 private:
  std::vector<char> kinds_;
  std::string out_;
};

// A section, or the reason why it has nothing to show.
std::string section_html(const char* id, const std::string& title, const std::string& body_html);

// The sections of the page.
std::string results_html(const Json& model, const Phrases& say);
std::string path_html(const Json& model, const Phrases& say);
std::string findings_html(const Json& model, const Phrases& say);
std::string evidence_html(const Json& model, const Phrases& say);

}  // namespace presswork::summary
