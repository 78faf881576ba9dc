#include "plugins/report/compare.h"

#include <fstream>
#include <sstream>

#include "plugins/report/comparison.h"

namespace presswork {

namespace {

constexpr std::uintmax_t kLargestFile = 64u << 20;

Json read_report(const Context& context, const char* input) {
  const std::filesystem::path path = context.input(input) / "report.json";
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error || size > kLargestFile)
    throw Error("invalid_input", "holds no report.json that can be read", path.string(),
                "give the folder that report/summary wrote");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return Json::parse(text.str(), nullptr, false);
}

}  // namespace

Json ReportCompare::describe() {
  return Json::parse(R"json({
    "title": "Compare two reports",
    "description": "Sets two reports of report/summary side by side: grades, every measured figure with its difference, the ways through the decision tree, and the parameters that differ.",
    "parameters": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "lang": {"type": "string", "enum": ["en", "zh-TW"], "default": "en", "description": "Language of the comparison."}
      }
    },
    "inputs": {
      "a": {"type": "report", "required": true, "description": "Of report/summary."},
      "b": {"type": "report", "required": true, "description": "Of report/summary."}
    },
    "outputs": {"report": {"type": "report", "description": "Folder with report.md, report.html and report.json."}},
    "cacheable": true,
    "reads_run": false
  })json");
}

void ReportCompare::run(const Context& context) {
  const summary::Phrases say(context.parameter<std::string>("lang"));
  const Json comparison = summary::compare(read_report(context, "a"), read_report(context, "b"));
  const auto folder = context.work_dir() / "report";
  std::filesystem::create_directory(folder);
  write_text(folder / "report.md", summary::comparison_markdown(comparison, say));
  write_text(folder / "report.html", summary::comparison_html(comparison, say));
  write_text(folder / "report.json", detail::to_text(comparison) + "\n");
  context.output("report", folder);
}

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw Error("io", "the report cannot be written", path.string(), "is the disk full?");
}

}  // namespace presswork
