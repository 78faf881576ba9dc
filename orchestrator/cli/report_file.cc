#include "orchestrator/cli/report_file.h"

#include <spdlog/spdlog.h>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"

namespace presswork::cli {

namespace {

// The last of `outputs` that is a report, if any is.
void find_report(const auto& outputs, std::optional<std::string>& digest) {
  for (const auto& [name, output] : outputs) {
    if (output.type == "report") digest = output.digest;
  }
}

std::optional<std::string> report_digest(Session& session, const std::string& run) {
  std::optional<std::string> digest;
  for (const auto& [instance, checkpoint] : session.ledger().instances_with_checkpoints(run)) {
    if (checkpoint) find_report(checkpoint->outputs, digest);
  }
  return digest;
}

// The Markdown file of a report that is a folder, the first file where there is none.
fs::path main_file(const fs::path& folder) {
  fs::path first;
  for (const std::string& name : base::real_file_system().list(folder)) {
    if (fs::path(name).extension() == ".md") return folder / name;
    if (first.empty()) first = folder / name;
  }
  return first;
}

// Files in the store have no ending; HTML is told by its first character.
std::string ending_of(const std::string& text) { return !text.empty() && text[0] == '<' ? ".html" : ".md"; }

// Where the report of a run goes; what was there is removed.
fs::path clear_place(Session& session, const std::string& run, const std::string& ending) {
  base::FileSystem& files = base::real_file_system();
  const fs::path place = session.workspace().root / "runs" / run / ("report" + ending);
  files.create_directories(place.parent_path());
  if (files.status(place)) files.remove_all(place);
  return place;
}

// Beside the other files of the run; the store's own where there is no right to write, or no room.
fs::path copy_out(Session& session, const std::string& run, const std::string& digest,
                  const std::string& ending) {
  const fs::path kept = session.artifacts().locate(digest);
  try {
    const fs::path place = clear_place(session, run, ending);
    session.artifacts().export_to(digest, place);
    return place;
  } catch (const base::Error& error) {
    if (error.code != base::ErrorCode::permission && error.code != base::ErrorCode::no_space) throw;
    return kept;
  }
}

std::optional<std::string> report_digest(const report::Summary& summary) {
  std::optional<std::string> digest;
  for (const report::NodeSummary& node : summary.nodes) find_report(node.outputs, digest);
  return digest;
}

std::optional<fs::path> copy_report(Session& session, const std::string& run,
                                    const std::optional<std::string>& digest) {
  if (!digest) return std::nullopt;
  store::ArtifactStore& artifacts = session.artifacts();
  try {
    const bool folder = artifacts.manifest(*digest).directory;
    const std::string ending =
        folder ? "" : ending_of(base::real_file_system().read(artifacts.locate(*digest)));
    const fs::path copy = copy_out(session, run, *digest, ending);
    return folder ? main_file(copy) : copy;
  } catch (const base::Error& error) {
    spdlog::warn("the report of {} cannot be read: {}", run, error.message);
    return std::nullopt;
  }
}

}  // namespace

std::optional<fs::path> report_file(Session& session, const std::string& run) {
  return copy_report(session, run, report_digest(session, run));
}

std::optional<fs::path> report_file(Session& session, const report::Summary& summary) {
  return copy_report(session, summary.run.id, report_digest(summary));
}

fs::path keep_report(Session& session, const std::string& run, const fs::path& written) {
  base::FileSystem& files = base::real_file_system();
  if (fs::is_directory(written)) {
    const fs::path place = clear_place(session, run, "");
    fs::copy(written, place, fs::copy_options::recursive | fs::copy_options::skip_symlinks);
    return main_file(place);
  }
  const fs::path place = clear_place(session, run, ending_of(files.read(written)));
  files.copy(written, place);
  return place;
}

}  // namespace presswork::cli
