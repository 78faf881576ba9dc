#include "orchestrator/cli/checks.h"

#include <sys/vfs.h>
#include <unistd.h>

#include <optional>
#include <set>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/base/units.h"
#include "orchestrator/store/ledger_schema.h"

namespace presswork::cli {

namespace {

Check failed(const std::string& subject, const base::Error& error, const std::string& advice) {
  return {"fail", subject, error.message, error.hint.empty() ? advice : error.hint};
}

// SQLite's write-ahead log needs shared memory, which network file systems do not have.
bool on_network(const fs::path& path) {
  struct statfs facts = {};
  if (statfs(path.c_str(), &facts) != 0) return false;
  const std::set<long> network = {0x6969 /* NFS */, 0xFE534D42 /* SMB2 */, 0xFF534D42 /* CIFS */,
                                  0x01021997 /* 9P */};
  return network.contains(static_cast<long>(facts.f_type));
}

std::vector<Check> check_ledger(Session& session) {
  std::vector<Check> checks;
  const std::string fault = session.ledger().check();
  if (!fault.empty()) {
    checks.push_back(
        {"fail", "ledger", fault,
         "keep a copy of " + session.workspace().ledger().string() + ", then start a new workspace"});
    return checks;
  }
  const std::vector<store::RunRow> runs = session.ledger().runs();
  checks.push_back({"ok", "ledger",
                    "sound, version " + std::to_string(store::ledger_version) + ", " +
                        std::to_string(runs.size()) + (runs.size() == 1 ? " run" : " runs"),
                    ""});
  for (const store::RunRow& run : session.runs()) {
    if (run.state != "interrupted") continue;
    checks.push_back(
        {"warn", "runs",
         run.id + " of " + run.workflow + " is interrupted" + (run.message.empty() ? "" : ": " + run.message),
         "go on with `presswork resume " + run.id + session.same_arguments() + "`"});
    if (checks.size() > 4) break;  // older ones are of little interest
  }
  return checks;
}

std::vector<Check> check_lock(Session& session) {
  const auto holder = store::lock_holder(session.workspace());
  if (!holder) return {{"ok", "lock", "free: nothing runs here", ""}};
  return {{"ok", "lock",
           "process " + std::to_string(holder->pid) + " since " + holder->since + ": " + holder->command,
           ""}};
}

// What runs that died left: processes, work folders of attempts, scratch.
std::vector<Check> check_left_overs(Session& session) {
  std::vector<Check> checks;
  const bool live = store::lock_holder(session.workspace()).has_value();
  std::set<std::string> attempts;
  if (!live) {
    for (const store::AttemptRow& row : session.ledger().open_attempts()) attempts.insert(row.id);
  }
  std::size_t looked_at = 0;
  for (const store::RunRow& run : session.ledger().runs()) {
    for (const store::AttemptRow& row : session.ledger().attempts(run.id)) {
      if (!row.outcome.empty()) attempts.insert(row.id);
    }
    if (++looked_at == 20) break;
  }
  const std::vector<std::int64_t> strays = processes_of(attempts);
  for (const std::int64_t pid : strays) {
    checks.push_back({"fail", "processes",
                      "process " + std::to_string(pid) + " is left of an attempt that has ended",
                      "end it with `kill " + std::to_string(pid) + "`; the next run or resume ends it, too"});
  }
  const std::size_t folders = live ? 0 : base::names_in(session.workspace().attempts()).size();
  if (folders > 0) {
    checks.push_back({"warn", "attempts",
                      std::to_string(folders) + " work folders are left of attempts that died",
                      "the next run or resume removes them"});
  }
  const std::size_t scratch = base::names_in(session.workspace().scratch("")).size();
  if (checks.empty()) {
    checks.push_back({"ok", "left-overs",
                      scratch == 0
                          ? "none"
                          : "none, but " + std::to_string(scratch) + " scratch folders to resume stages from",
                      ""});
  }
  return checks;
}

std::set<std::string> artifacts_of_runs(Session& session) {
  std::set<std::string> digests;
  for (const store::RunRow& run : session.ledger().runs()) {
    for (const store::InstanceRow& instance : session.ledger().instances(run.id)) {
      const auto checkpoint = instance.key.empty()
                                  ? std::nullopt
                                  : session.ledger().checkpoint(instance.key, instance.checkpoint);
      if (!checkpoint) continue;
      for (const auto& [name, output] : checkpoint->outputs) digests.insert(output.digest);
    }
  }
  return digests;
}

// Looks at artifacts: at their bytes, too, as long as that takes a few seconds at most.
class StoreCheck {
 public:
  explicit StoreCheck(Session& session)
      : artifacts_(session.artifacts()), same_arguments_(session.same_arguments()) {}

  std::optional<Check> look_at(const std::string& digest) {
    ++artifacts_seen_;
    if (const auto damages = artifacts_.verify(digest, false); !damages.empty()) {
      return Check{"warn", "store", text(digest, damages.front()),
                   "run the workflow again: the stage that made it makes it anew"};
    }
    if (!affords(digest)) return std::nullopt;
    ++artifacts_read_;
    const auto damages = artifacts_.verify(digest, true, {}, &known_);
    if (damages.empty()) return std::nullopt;
    return Check{"fail", "store", text(digest, damages.front()),
                 "forget it with `presswork verify --repair" + same_arguments_ +
                     "`, then run the workflow again: the stage that made it makes it anew"};
  }

  std::string finding() const {
    std::string text =
        std::to_string(artifacts_seen_) + (artifacts_seen_ == 1 ? " artifact" : " artifacts") + ", all there";
    if (artifacts_read_ == artifacts_seen_) return text + ", with the contents that their digests say";
    return text + "; the contents of " + std::to_string(artifacts_read_) +
           " were compared with their digests, of the others the sizes: `presswork verify` reads all";
  }

 private:
  static constexpr std::uint64_t kMostBytes = 1ull << 30;

  static std::string text(const std::string& digest, const store::Damage& damage) {
    return "artifact " + digest.substr(0, 12) + ": " + damage.problem;
  }

  bool affords(const std::string& digest) {
    std::uint64_t bytes = 0;
    for (const store::FileEntry& file : artifacts_.manifest(digest).files) {
      if (!known_.contains(file.sha256)) bytes += file.size;
    }
    if (bytes > kMostBytes - bytes_read_) return false;
    bytes_read_ += bytes;
    return true;
  }

  store::ArtifactStore& artifacts_;
  const std::string same_arguments_;
  store::KnownObjects known_;
  std::size_t artifacts_seen_ = 0, artifacts_read_ = 0;
  std::uint64_t bytes_read_ = 0;
};

std::vector<Check> check_store(Session& session) {
  StoreCheck store(session);
  std::vector<Check> checks;
  for (const std::string& digest : artifacts_of_runs(session)) {
    if (std::optional<Check> damage = store.look_at(digest)) checks.push_back(*std::move(damage));
  }
  if (checks.empty()) checks.push_back({"ok", "store", store.finding(), ""});
  return checks;
}

}  // namespace

std::vector<Check> check_plugins(Session& session) {
  try {
    std::vector<Check> checks;
    const plugins::Discovery& discovery = session.discovery();
    for (const plugins::PluginProblem& problem : discovery.problems) {
      checks.push_back({"fail", "plugin",
                        problem.plugin.string() + ": " + problem.message + " [" + problem.code + "]",
                        problem.hint.empty() ? "mend it, or take it out of that folder" : problem.hint});
    }
    const std::size_t stages = discovery.catalogue->ids().size();
    const std::string finding =
        std::to_string(discovery.plugins.size()) + " plugins, " + std::to_string(stages) + " stages";
    if (stages == 0) {
      checks.push_back({"fail", "plugins", finding,
                        "build or install the plugins, or name their folder by --plugin-path"});
    } else {
      checks.insert(checks.begin(), {"ok", "plugins", finding, ""});
    }
    return checks;
  } catch (const base::Error& error) {
    return {failed("plugins", error, "")};
  }
}

std::vector<Check> check_workspace(Session& session) {
  const fs::path root = session.workspace_root();
  if (!session.has_workspace()) {
    return {{"ok", "workspace", "none yet at " + root.string() + "; `presswork run` makes it", ""}};
  }
  std::vector<Check> checks;
  const auto add = [&](const std::string& subject, const auto& check, const std::string& advice) {
    try {
      for (Check& found : check()) checks.push_back(std::move(found));
    } catch (const base::Error& error) {
      checks.push_back(failed(subject, error, advice));
    }
  };
  checks.push_back({"ok", "workspace", root.string(), ""});
  if (::access(root.c_str(), W_OK) != 0) {
    checks.back() = {"fail", "workspace", root.string() + " cannot be written",
                     "check its owner and permissions"};
  } else if (on_network(root)) {
    checks.back() = {"warn", "workspace", root.string() + " lies on a network file system",
                     "use --workspace on a local disk: the ledger is not safe there"};
  }
  add(
      "files", [&] { return check_file_system(root); }, "use --workspace on a local disk");
  add(
      "lock", [&] { return check_lock(session); }, "");
  add(
      "disk", [&] { return std::vector<Check>{check_space(root)}; }, "");
  add(
      "ledger", [&] { return check_ledger(session); }, "start a new workspace");
  if (checks.back().subject == "ledger" && checks.back().state == "fail") return checks;  // the rest reads it
  add(
      "clock",
      [&] {
        const std::vector<store::RunRow> runs = session.ledger().runs();
        return std::vector<Check>{
            check_clock(session.clock().now(), runs.empty() ? std::string() : runs.front().started)};
      },
      "");
  add(
      "left-overs", [&] { return check_left_overs(session); }, "");
  add(
      "store", [&] { return check_store(session); }, "run the workflow again");
  return checks;
}

}  // namespace presswork::cli
