#include <CLI/CLI.hpp>
#include <cctype>
#include <memory>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/base/units.h"
#include "orchestrator/cli/conduct.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/machine.h"
#include "orchestrator/cli/own_workflow.h"
#include "orchestrator/cli/params.h"
#include "orchestrator/cli/report_file.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/cli/workflow_file.h"

namespace presswork::cli {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

struct CompressOptions {
  std::string model, memory, max_loss, gpu, text, calibration, lang, out;
  std::vector<std::string> params;
  bool print_workflow = false;
  LimitOptions limits;
};

constexpr double kGigabyte = 1024.0 * 1024 * 1024;

// The memory of a card of the shipped catalogue, less a tenth to spare.
double memory_of_card(const std::string& name) {
  const Json catalogue = Json::parse(base::real_file_system().read(data_folder() / "gpus.json"));
  const Json& cards = catalogue.at("gpus");
  if (cards.contains(name)) return cards[name].at("memory_gb").get<double>() * 0.9;
  std::string known;
  for (const auto& [other, card] : cards.items()) known += (known.empty() ? "" : ", ") + other;
  throw Error(ErrorCode::usage, "the catalogue has no card " + name,
              "it has " + known + "; for another one say --memory");
}

// GiB: what is asked for, or what the card has, or this machine.
double memory_limit(const CompressOptions& options) {
  const double card = options.gpu.empty() ? 0 : memory_of_card(options.gpu);
  if (!options.memory.empty()) {
    const auto bytes = base::parse_bytes(options.memory);
    const bool unit = std::isalpha(static_cast<unsigned char>(options.memory.back())) != 0;
    if (unit && bytes && *bytes > 0) return static_cast<double>(*bytes) / kGigabyte;
    throw Error(ErrorCode::usage, "--memory needs a size like 8GiB, not \"" + options.memory + "\"");
  }
  if (card > 0) return card;
  const std::uint64_t machine = this_machine().memory;
  if (machine > 0) return static_cast<double>(machine) / kGigabyte;
  throw Error(ErrorCode::usage, "how much memory this machine has is not known", "say --memory 8GiB");
}

// "2%" or "2".
double percent(const std::string& text) {
  std::size_t end = 0;
  double value = 0;
  try {
    value = std::stod(text, &end);
  } catch (const std::exception&) {
    end = std::string::npos;
  }
  const bool whole = end == text.size() || (end != std::string::npos && text.substr(end) == "%");
  if (!whole || !(value >= 0) || value > 1e6)
    throw Error(ErrorCode::usage, "--max-loss needs a share like 2%, not \"" + text + "\"");
  return value;
}

// A value of -p is a number, a truth or a list where it reads as one, else text.
Json value_of(const std::string& text) {
  const Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_number() || parsed.is_boolean() || parsed.is_array() ? parsed : Json(text);
}

std::string absolute(const std::string& path) { return fs::absolute(path).lexically_normal().string(); }

std::string workflow_text(const CompressOptions& options) {
  const fs::path data = data_folder();
  const auto text_file = [&](const std::string& given, const char* shipped) {
    return given.empty() ? (data / "examples" / "text" / shipped).string() : absolute(given);
  };
  std::map<std::string, Json> values = {{"model", absolute(options.model)},
                                        {"text", text_file(options.text, "eval.txt")},
                                        {"calibration", text_file(options.calibration, "calibration.txt")},
                                        {"memory_gb", memory_limit(options)}};
  if (!options.max_loss.empty()) values["max_loss_percent"] = percent(options.max_loss);
  if (!options.gpu.empty()) values["gpu"] = options.gpu;
  if (!options.lang.empty()) values["lang"] = options.lang;
  for (const std::string& assignment : options.params) {
    const auto [name, value] = split_assignment(assignment, "-p");
    values[name] = value_of(value);
  }
  return with_defaults(base::real_file_system().read(data / "workflows" / "decision-tree.yaml"), values);
}

// The bundle for production, if the run came to one, and the report.
void deliver(Session& session, const std::string& run, const fs::path& out) {
  for (const auto& [instance, checkpoint] : session.ledger().instances_with_checkpoints(run)) {
    if (!checkpoint) continue;
    for (const auto& [name, output] : checkpoint->outputs) {
      if (output.type == "bundle") session.artifacts().export_to(output.digest, out / "bundle");
    }
  }
  const auto report = report_file(session, run);
  if (!report) return;
  fs::copy(report->parent_path(), out / "report", fs::copy_options::recursive);
}

// A folder that holds a result, or the workflow of another command, is left alone. One with this command's
// workflow alone was interrupted: it goes on.
void refuse_used(const fs::path& out, const std::string& text) {
  base::FileSystem& files = base::real_file_system();
  for (const char* name : {"bundle", "report"}) {
    if (files.status(out / name))
      throw Error(ErrorCode::invalid_input, (out / name).string() + " exists already",
                  "give another folder with -o");
  }
  const fs::path workflow = out / "workflow.yaml";
  if (files.status(workflow) && files.read(workflow) != text)
    throw Error(ErrorCode::invalid_input, workflow.string() + " is of another command",
                "give another folder with -o, or remove the file");
}

void require_folder(const std::string& model) {
  if (!fs::is_directory(model))
    throw Error(ErrorCode::invalid_input, "there is no folder " + model, "name a Hugging Face model folder");
}

int compress(Session& session, const CompressOptions& options) {
  const std::string text = workflow_text(options);
  if (options.print_workflow) {
    session.output().text(text);
    return kOk;
  }
  if (options.out.empty()) throw Error(ErrorCode::usage, "-o OUT is missing", "name a folder for the result");
  const fs::path out = fs::absolute(options.out), file = out / "workflow.yaml";
  require_folder(options.model);
  refuse_used(out, text);
  const engine::Plan plan =
      engine::make_plan(text, file.string(), Json::object(), fs::current_path(), session.catalogue(), {});
  base::real_file_system().create_directories(out);
  base::real_file_system().write(file, text);
  engine::RunOptions how;
  how.limits = session.limits(options.limits);
  std::string run;
  const int code = conduct(session, [&](const engine::Surroundings& surroundings) {
    engine::RunResult result = engine::start_run(plan, surroundings, how);
    run = result.run;
    return Went{std::move(result), &plan};
  });
  if (!run.empty()) deliver(session, run, out);
  return code;
}

}  // namespace

Verb compress_verb() {
  return {
      "compress", "Compress a model under limits",
      "Walks the decision tree (workflows/decision-tree.yaml) with MODEL and writes to OUT: bundle/ (the "
      "model with "
      "its card, checksums and the way back, if it passed), report/, and workflow.yaml, which is what was "
      "run, "
      "for version control. Without --memory the limit is nine tenths of the card's memory, or that of this "
      "machine.",
      "  presswork compress models/llama --memory 8GiB --max-loss 2% -o out\n"
      "  presswork compress models/llama --gpu RTX_4090 --print-workflow > compress.yaml",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<CompressOptions>();
        app.add_option("MODEL", options->model, "Hugging Face model folder")->required()->type_name("");
        app.add_option("--memory", options->memory, "Memory of the service, at most, like 8GiB")
            ->type_name("SIZE");
        app.add_option("--max-loss", options->max_loss, "How much the perplexity may rise, like 2%")
            ->type_name("PERCENT");
        app.add_option("--gpu", options->gpu, "Card of the catalogue that the model is for")
            ->type_name("NAME");
        app.add_option("--text", options->text, "Text to measure on (default: the one that ships)")
            ->type_name("FILE");
        app.add_option("--calibration", options->calibration,
                       "Text to calibrate on (default: the one that ships)")
            ->type_name("FILE");
        app.add_option("--lang", options->lang, "Language of the report: en or zh-TW")->type_name("LANG");
        app.add_option("-p,--param", options->params,
                       "Another value for a parameter of the tree (may be repeated)")
            ->type_name("NAME=VALUE")
            ->expected(1)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        app.add_option("-o,--out", options->out, "Folder for the result")->type_name("PATH");
        app.add_flag("--print-workflow", options->print_workflow, "Print the workflow and run nothing");
        app.add_option("--cores", options->limits.cores,
                       "Cores to use at once (default: all that this process may use)")
            ->type_name("N")
            ->check(CLI::Range(1, 1 << 20).description(""));
        return [options](Session& session) { return compress(session, *options); };
      }};
}

}  // namespace presswork::cli
