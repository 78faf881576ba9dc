#include "orchestrator/executor/outputs.h"

#include <algorithm>

namespace presswork::executor {

namespace {

bool is_inside(const fs::path& path, const fs::path& folder) {
  const auto [end, rest] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end() && rest != path.end();
}

OutputProblem problem(const DeclaredOutput& output, std::string message, std::string hint) {
  return {output.name,
          "the output \"" + output.name + "\" (" + output.path.native() + ") " + std::move(message),
          std::move(hint)};
}

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

// The first entry of the tree at `path` that cannot be stored, or "".
std::string unstorable_entry(const fs::path& path) {
  const auto storable = [](const fs::file_status& status) {
    return fs::is_regular_file(status) || fs::is_directory(status);
  };
  if (!storable(fs::symlink_status(path))) return path.native();
  if (!fs::is_directory(fs::symlink_status(path))) return {};
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
    if (!storable(entry.symlink_status())) return entry.path().native();
  }
  return {};
}

std::optional<OutputProblem> check_produced(const StageRequest& request, const DeclaredOutput& output) {
  const char* const stay_inside = "write outputs below the context's work_dir()";
  if (!output.path.is_absolute()) return problem(output, "is not an absolute path", stay_inside);
  if (!fs::exists(fs::symlink_status(output.path))) {
    return problem(output, "does not exist", "write the file before the stage ends");
  }
  const fs::path parent = fs::canonical(output.path.parent_path());
  const fs::path real = parent / output.path.filename();
  if (!output.path.has_filename() || output.path.filename() == ".." || output.path.filename() == "." ||
      !is_inside(real, fs::canonical(request.work_dir))) {
    return problem(output, "is not inside the attempt's work folder " + request.work_dir.native(),
                   stay_inside);
  }
  const std::string entry = unstorable_entry(real);
  if (!entry.empty()) {
    return problem(output, "holds something that is neither a file nor a folder: " + entry,
                   "copy the content instead of linking to it");
  }
  return std::nullopt;
}

std::optional<OutputProblem> check_reference(const StageRequest& request, const DeclaredOutput& output) {
  if (!output.path.is_absolute()) return problem(output, "is not an absolute path", "make it absolute");
  if (!fs::exists(output.path)) return problem(output, "does not exist", "check the path that was given");
  for (const fs::path& own : {request.work_dir, request.scratch_dir}) {
    if (is_inside(fs::weakly_canonical(output.path), fs::weakly_canonical(own))) {
      return problem(output, "lies in a folder that goes when the attempt ends",
                     "declare it with output(), which keeps it");
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<OutputProblem> check_outputs(const StageRequest& request,
                                           const std::vector<DeclaredOutput>& outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const DeclaredOutput& output = outputs[i];
    const auto& names = request.output_names;
    if (std::find(names.begin(), names.end(), output.name) == names.end()) {
      return problem(output, "is not among those that the stage describes: " + list(names),
                     "add it to \"outputs\" of the stage's description");
    }
    try {
      if (auto found = output.reference ? check_reference(request, output) : check_produced(request, output))
        return found;
      for (std::size_t j = 0; j < i && !output.reference; ++j) {
        const fs::path& other = outputs[j].path;
        if (!outputs[j].reference && (other.lexically_normal() == output.path.lexically_normal() ||
                                      is_inside(other.lexically_normal(), output.path.lexically_normal()) ||
                                      is_inside(output.path.lexically_normal(), other.lexically_normal()))) {
          return problem(output, "overlaps the output \"" + outputs[j].name + "\"",
                         "give each output a file or folder of its own");
        }
      }
    } catch (const fs::filesystem_error& error) {
      return problem(output, std::string("cannot be examined: ") + error.code().message(), "");
    }
  }
  return std::nullopt;
}

}  // namespace presswork::executor
