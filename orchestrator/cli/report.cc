#include <CLI/CLI.hpp>
#include <memory>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/cli/calling.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/report_file.h"
#include "orchestrator/cli/scratch_folder.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/engine/evidence.h"
#include "orchestrator/engine/plan.h"
#include "orchestrator/report/text.h"

namespace presswork::cli {

namespace {

using base::Error;
using base::ErrorCode;

struct ReportOptions {
  std::vector<std::string> runs;
  std::string stage = "report/summary";
  std::string format = "md";
  std::string lang;
  bool print = false;
  bool anew = false;
};

// What `stage` wrote first.
fs::path written_by(Session& session, const plugins::StageDescription& stage,
                    const engine::CallRequest& request) {
  const Called called = call(session, stage, request);
  if (called.code != kOk) {
    throw Error(ErrorCode::stage_failed, stage.id + " failed: " + called.result.outcome.message,
                called.result.outcome.hint);
  }
  if (called.result.outputs.empty()) throw Error(ErrorCode::stage_failed, stage.id + " wrote no report");
  return called.result.outputs.begin()->second;
}

// The workflow has no report of its own: the stage writes one from what the ledger knows of the run.
fs::path write_report(Session& session, const store::RunRow& run, const ReportOptions& options) {
  const plugins::StageDescription& stage = session.stage(options.stage);
  const engine::Plan plan = engine::restore_plan(run.plan, session.catalogue());
  const ScratchFolder folder;
  engine::CallRequest request;
  request.out = folder.path();
  if (!options.lang.empty()) request.with["lang"] = options.lang;
  request.run_facts = engine::with_evidence(
      engine::with_approvals(engine::run_facts(plan, session.ledger(), run.id), session.workspace().ledger()),
      session.ledger(), run.id, session.artifacts());
  return keep_report(session, run.id, written_by(session, stage, request));
}

fs::path report_of(Session& session, const store::RunRow& run, const ReportOptions& options) {
  const auto recorded = options.anew || !options.lang.empty() ? std::nullopt : report_file(session, run.id);
  return recorded ? *recorded : write_report(session, run, options);
}

// The folder of a report that report/compare can read: one of an older version is written anew.
fs::path comparable(Session& session, const std::string& name, const ReportOptions& options) {
  const store::RunRow run = session.find_run(name);
  const fs::path folder = report_of(session, run, options).parent_path();
  if (base::real_file_system().status(folder / "report.json")) return folder;
  return write_report(session, run, options).parent_path();
}

// Kept beside the second run's own report.
fs::path compare_reports(Session& session, const ReportOptions& options) {
  engine::CallRequest request;
  const ScratchFolder folder;
  request.out = folder.path();
  if (!options.lang.empty()) request.with["lang"] = options.lang;
  request.inputs = {{"a", comparable(session, options.runs[0], options)},
                    {"b", comparable(session, options.runs[1], options)}};
  const fs::path written = written_by(session, session.stage("report/compare"), request);
  const std::string first = session.find_run(options.runs[0]).id,
                    second = session.find_run(options.runs[1]).id;
  const fs::path place = session.workspace().root / "runs" / second / ("compared-with-" + first);
  base::FileSystem& files = base::real_file_system();
  if (files.status(place)) files.remove_all(place);
  files.create_directories(place.parent_path());
  fs::copy(written, place, fs::copy_options::recursive | fs::copy_options::skip_symlinks);
  return place / "report.md";
}

// The document of the wanted form, where the report has several.
fs::path in_format(const fs::path& report, const std::string& format) {
  fs::path path = report;
  path.replace_extension(format);
  if (format == "md" || base::real_file_system().status(path)) return format == "md" ? report : path;
  throw Error(ErrorCode::not_found, "the report has no " + path.filename().string(),
              "write it anew with `presswork report --anew`");
}

int report_verb_work(Session& session, const ReportOptions& options) {
  if (options.runs.size() > 2)
    throw Error(ErrorCode::usage, "two runs are compared, not " + std::to_string(options.runs.size()));
  const bool two = options.runs.size() == 2;
  const store::RunRow run = session.find_run(options.runs.empty() ? "" : options.runs.back());
  const fs::path path =
      in_format(two ? compare_reports(session, options) : report_of(session, run, options), options.format);
  if (session.options().json) {
    base::Json json = {{"run", run.id}, {"path", path.string()}};
    if (options.print) json["text"] = base::real_file_system().read(path);
    session.output().json(json);
  } else if (options.print) {
    const std::string text = base::real_file_system().read(path);
    session.output().text(session.output().to_terminal() ? report::printable(text) : text);
  } else {
    session.output().line(path.string());
  }
  return kOk;
}

}  // namespace

Verb report_verb() {
  return {
      "report", "Find or write the report of a run, or compare two",
      "Prints the path of the report of RUN, or of the latest run; where the workflow wrote none, the stage "
      "report/summary writes one now. A report is a folder: report.md, report.html (one page that loads "
      "nothing), and report.json. With two runs, sets their reports side by side.",
      "  presswork report r3 --print\n  presswork report r3 --format html\n  presswork report r2 r3 --print",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<ReportOptions>();
        app.add_option("RUN", options->runs, "The run, like r3, or two runs to compare")->type_name("");
        app.add_option("--stage", options->stage, "The stage that writes a report (default: report/summary)")
            ->type_name("STAGE");
        app.add_option("--format", options->format, "md (default), html or json")
            ->type_name("FORMAT")
            ->check(CLI::IsMember({"md", "html", "json"}).description(""));
        app.add_option("--lang", options->lang, "Write it anew in this language: en or zh-TW")
            ->type_name("LANG");
        app.add_flag("--anew", options->anew, "Write it anew from what the run recorded");
        app.add_flag("--print", options->print, "Print the report itself");
        return [options](Session& session) { return report_verb_work(session, *options); };
      }};
}

}  // namespace presswork::cli
