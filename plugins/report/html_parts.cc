#include "plugins/report/html_parts.h"

#include "plugins/report/html_text.h"

namespace presswork::summary {

std::string code_html(const std::string& text) {
  return text.empty() ? "" : "<code>" + escape(text) + "</code>";
}

std::string json_html(const Json& value) {
  return code_html(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string paragraph(const std::string& text, const char* style) {
  return "<p" + (*style == 0 ? std::string() : " class=\"" + std::string(style) + "\"") + ">" + escape(text) +
         "</p>\n";
}

std::string list_html(const Json& sentences) {
  std::string out = "<ul>\n";
  for (const Json& sentence : sentences) out += "<li>" + escape(sentence.get<std::string>()) + "</li>\n";
  return out + "</ul>\n";
}

std::string figure_html(const std::string& svg, const std::string& caption) {
  return "<figure tabindex=\"0\">" + svg + "<figcaption>" + escape(caption) + "</figcaption></figure>\n";
}

std::string wide_html(const std::string& name) {
  return "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"" + escape(name) + "\">";
}

Table::Table(const std::vector<const char*>& columns, const Phrases& say) {
  std::string names, head;
  for (const char* column : columns) {
    kinds_.push_back(*column);
    const bool number = *column == '#', marked = number || *column == '~';
    const std::string name = say(marked ? column + 1 : column);
    names += (names.empty() ? "" : ", ") + name;
    head += std::string("<th scope=\"col\"") + (number ? " class=\"n\"" : "") + ">" + escape(name) + "</th>";
  }
  out_ = wide_html(names) + "<table>\n<thead><tr>" + head + "</tr></thead>\n<tbody>\n";
}

void Table::row(const std::vector<std::string>& cells_html) {
  out_ += "<tr>";
  for (std::size_t i = 0; i < cells_html.size(); ++i) {
    const char kind = i < kinds_.size() ? kinds_[i] : ' ';
    out_ += kind == '#' ? "<td class=\"n\">" : kind == '~' ? "<td class=\"long\">" : "<td>";
    out_ += cells_html[i] + "</td>";
  }
  out_ += "</tr>\n";
}

std::string Table::end() { return std::move(out_) + "</tbody>\n</table></div>\n"; }

std::string section_html(const char* id, const std::string& title, const std::string& body_html) {
  return std::string("<section id=\"") + id + "\" aria-labelledby=\"" + id + "-title\">\n<h2 id=\"" + id +
         "-title\">" + escape(title) + "</h2>\n" + body_html + "</section>\n";
}

}  // namespace presswork::summary
