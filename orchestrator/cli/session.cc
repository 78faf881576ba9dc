#include "orchestrator/cli/session.h"

#include <spdlog/spdlog.h>

#include <charconv>
#include <utility>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/base/units.h"
#include "orchestrator/cli/logging.h"
#include "orchestrator/cli/machine.h"
#include "orchestrator/cli/params.h"

namespace presswork::cli {

using base::Error;
using base::ErrorCode;
using store::Ledger;

fs::path executable_path() {
  std::error_code error;
  fs::path path = fs::read_symlink("/proc/self/exe", error);
  if (error) throw base::system_error("read", "/proc/self/exe", error.value());
  return path;
}

fs::path host_path() { return executable_path().parent_path() / "presswork-host"; }

Session::Session(const CommonOptions& options, Output& output, report::Screen& screen)
    : options_(options), output_(output), screen_(screen) {
  start_logging(screen_, options_.verbosity());
}

Session::~Session() { stop_logging(); }

executor::Executor& Session::executor() {
  if (!executor_) executor_ = executor::make_local_executor(host_path(), clock());
  return *executor_;
}

std::vector<fs::path> Session::plugin_directories() const {
  std::vector<fs::path> directories;
  for (const std::string& path : options_.plugin_paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      throw Error(ErrorCode::usage, "--plugin-path " + path + " is no folder");
    }
    directories.push_back(fs::absolute(path).lexically_normal());
  }
  directories.push_back((executable_path().parent_path() / "../lib/presswork/plugins").lexically_normal());
  return directories;
}

const plugins::Discovery& Session::discovery() {
  if (discovery_) return *discovery_;
  const store::Workspace there{workspace_root()};
  std::error_code unseen;  // stages can be listed beside a workspace of somebody else
  const fs::path cache = fs::exists(there.ledger(), unseen) ? there.cache() / "plugins.json" : fs::path();
  plugins_unsaved_ = cache.empty();
  discovery_ =
      std::make_unique<plugins::Discovery>(plugins::discover(plugin_directories(), cache, executor()));
  for (const plugins::PluginProblem& problem : discovery_->problems) {
    spdlog::info("plugin {} cannot be used: {} [{}]", problem.plugin.string(), problem.message, problem.code);
  }
  if (!discovery_->problems.empty()) {
    const std::size_t count = discovery_->problems.size();
    spdlog::warn("{} cannot be used; `presswork doctor` says why",
                 count == 1 ? "the plugin " + discovery_->problems[0].plugin.filename().string()
                            : std::to_string(count) + " plugins");
  }
  return *discovery_;
}

const plugins::StageDescription& Session::stage(const std::string& id) {
  const plugins::StageDescription* stage = catalogue().find(id);
  if (stage != nullptr) return *stage;
  const std::string near = base::nearest(id, catalogue().ids());
  throw Error(ErrorCode::usage, "there is no stage " + id,
              near.empty() ? "list the stages with `presswork plugins`" : "did you mean " + near + "?");
}

fs::path Session::workspace_root() const {
  if (options_.workspace.empty()) {
    throw Error(ErrorCode::usage, "--workspace names no folder",
                "is a shell variable empty that should name it?");
  }
  return fs::absolute(options_.workspace).lexically_normal();
}

bool Session::has_workspace() const {
  const fs::path ledger = store::Workspace{workspace_root()}.ledger();
  std::error_code error;
  const bool there = fs::exists(ledger, error);
  if (error) throw base::system_error("look at", ledger.native(), error.value());
  return there;
}

const store::Workspace& Session::workspace() {
  if (!workspace_) {
    if (!has_workspace() || !options_.store.empty()) return writable_workspace();
    workspace_ = std::make_unique<store::Workspace>(store::existing_workspace(workspace_root()));
  }
  return *workspace_;
}

const store::Workspace& Session::writable_workspace() {
  auto made = std::make_unique<store::Workspace>(store::open_workspace(workspace_root(), options_.store));
  if (!workspace_) workspace_ = std::move(made);
  if (ledger_access_ == Ledger::Mode::read_only) ledger_.reset();
  to_write_ = true;
  return *workspace_;
}

// Looking is possible at any time: without the right to write, and on a full disk.
store::Ledger& Session::ledger() {
  if (ledger_) return *ledger_;
  const fs::path file = workspace().ledger();
  ledger_access_ = Ledger::Mode::read_write;
  try {
    ledger_ = Ledger::open(file);
  } catch (const Error& error) {
    if (error.code == ErrorCode::no_space) {
      ledger_access_ = Ledger::Mode::alone;
    } else if (error.code == ErrorCode::permission && !to_write_) {
      ledger_access_ = Ledger::Mode::read_only;
    } else {
      throw;
    }
    ledger_ = Ledger::open(file, ledger_access_);
  }
  // The first command of a workspace has asked the plugins before there was a place to keep what they said.
  if (to_write_ && std::exchange(plugins_unsaved_, false))
    discovery_->descriptions.save_as(workspace().cache() / "plugins.json");
  return *ledger_;
}

store::ArtifactStore& Session::artifacts() {
  if (!artifacts_) {
    artifacts_ = std::make_unique<store::ArtifactStore>(base::real_file_system(), workspace().store());
  }
  return *artifacts_;
}

void Session::need_workspace() const {
  if (has_workspace()) return;
  throw Error(ErrorCode::not_found, "there is no workspace at " + workspace_root().string(),
              "`presswork run` makes one; --workspace DIR names another place");
}

std::vector<store::RunRow> Session::runs() {
  std::vector<store::RunRow> rows = ledger().runs();
  const bool alive = store::lock_holder(workspace()).has_value();
  for (store::RunRow& run : rows) {
    if (run.state != "running" || alive) continue;
    run.state = "interrupted";
    run.message = "its process died";
  }
  return rows;
}

std::string state_now(const store::RunRow& run, const std::string& state) {
  return state == "running" && run.state != "running" ? "interrupted" : state;
}

store::RunRow Session::find_run(const std::string& id) {
  need_workspace();
  const std::vector<store::RunRow> rows = runs();
  if (rows.empty()) {
    throw Error(ErrorCode::not_found, "there are no runs yet in " + workspace_root().string(),
                "start one with `presswork run FILE`");
  }
  std::vector<std::string> ids;
  for (store::RunRow run : rows) {
    if (id.empty() || run.id == id) {
      run.plan = ledger().run(run.id)->plan;
      return run;
    }
    ids.push_back(run.id);
  }
  throw Error(ErrorCode::not_found, "there is no run " + id,
              "the latest is " + ids.front() + "; `presswork runs` lists them all");
}

engine::Limits Session::limits(const LimitOptions& options) {
  if (options.enforce_memory) executor().enforce_memory();
  const Machine machine = this_machine();
  engine::Limits limits{options.cores > 0 ? options.cores : machine.cores, machine.memory,
                        options.gpus >= 0 ? options.gpus : machine.gpus};
  if (!options.memory.empty()) {
    const auto bytes = base::parse_bytes(options.memory);
    if (!bytes || *bytes == 0) {
      throw Error(ErrorCode::usage,
                  "--memory needs an amount like 8GiB or 512MB, not \"" + options.memory + "\"");
    }
    limits.memory = *bytes;
  }
  for (const std::string& token : options.tokens) {
    const auto [name, text] = split_assignment(token, "--token");
    int count = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (failed != std::errc() || end != text.data() + text.size() || count < 0) {
      throw Error(ErrorCode::usage, "--token " + name + " needs a count, not \"" + text + "\"",
                  "like --token " + name + "=2");
    }
    limits.tokens[name] = count;
  }
  return limits;
}

std::string quoted(const std::string& word) {
  const std::string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+:,=@%";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string Session::same_arguments() const {
  std::string arguments;
  if (options_.workspace != CommonOptions().workspace)
    arguments += " --workspace " + quoted(options_.workspace);
  for (const std::string& path : options_.plugin_paths) arguments += " --plugin-path " + quoted(path);
  return arguments;
}

}  // namespace presswork::cli
