#include <CLI/CLI.hpp>
#include <memory>
#include <regex>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/base/units.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/store/registry.h"
#include "orchestrator/store/retention.h"
#include "orchestrator/store/store_lock.h"

namespace presswork::cli {

namespace {

using base::Error;
using base::ErrorCode;

struct Options {
  int keep_last = -1;  // -1: not given
  std::string before;
  bool failed = false, dry_run = false;
};

// "2026-01-31", a time of day with it, or an age like "30d", as the ledger writes times.
std::string point_in_time(const std::string& text, base::Clock& clock) {
  static const std::regex date(R"(\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z?)?)");
  if (std::regex_match(text, date)) return text.back() == 'Z' ? text.substr(0, text.size() - 1) : text;
  if (const auto age = base::parse_duration(text)) return base::to_utc_string(clock.now() - *age);
  throw Error(ErrorCode::usage,
              "--before needs a date like 2026-01-31 or an age like 30d, not \"" + text + "\"");
}

// What the other workspaces that share the store need. One whose ledger cannot be read stops everything.
void add_others(Session& session, std::set<std::string>& needed) {
  base::FileSystem& files = base::real_file_system();
  for (const fs::path& root : store::registered_workspaces(files, session.workspace().store())) {
    if (root == session.workspace().root) continue;
    const fs::path file = store::Workspace{root}.ledger();
    if (!files.status(file)) continue;  // nothing has run there yet
    const auto ledger = store::Ledger::open(file, store::Ledger::Mode::read_only);
    const auto more = store::needed_artifacts(*ledger);
    needed.insert(more.begin(), more.end());
  }
}

// Folders of runs that the ledger does not have (any more), and scratch that nothing goes on with.
void remove_folders(Session& session) {
  base::FileSystem& files = base::real_file_system();
  const store::Workspace& workspace = session.workspace();
  const fs::path runs = workspace.root / "runs";
  for (const std::string& name : files.list(runs)) {
    const auto status = files.status(runs / name);
    if (status && status->kind == base::FileKind::directory && !session.ledger().run(name)) {
      files.remove_all(runs / name);
    }
  }
  const std::set<std::string> keys = store::unfinished_keys(session.ledger());
  for (const std::string& key : files.list(workspace.scratch(""))) {
    if (!keys.contains(key)) files.remove_all(workspace.scratch(key));
  }
}

std::string plural(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

void print(Session& session, const Options& options, const store::Forgettable& what,
           const store::Garbage& garbage) {
  if (session.options().json) {
    session.output().json({{"dry_run", options.dry_run},
                           {"runs", what.runs},
                           {"checkpoints", what.keys.size()},
                           {"artifacts", garbage.artifacts},
                           {"files", garbage.objects},
                           {"bytes", garbage.bytes}});
    return;
  }
  const std::string would = options.dry_run ? "would be " : "";
  std::string runs;
  for (const std::string& run : what.runs) runs += (runs.empty() ? ": " : ", ") + run;
  session.output().line(would + "forgotten: " + plural(what.runs.size(), "run") + runs + "; " +
                        plural(what.keys.size(), "checkpoint"));
  session.output().line(would + "removed: " + plural(garbage.artifacts, "artifact") + ", " +
                        plural(garbage.objects, "file"));
  session.output().line(would + "freed: " + base::format_bytes(garbage.bytes));
}

int gc(Session& session, const Options& options) {
  session.need_workspace();
  store::Retention retention;
  if (options.keep_last >= 0) retention.keep_last = static_cast<std::size_t>(options.keep_last);
  if (!options.before.empty()) retention.before = point_in_time(options.before, session.clock());
  retention.failed = options.failed;

  const auto lock = store::WorkspaceLock::acquire(session.workspace());
  session.artifacts();
  const auto store_lock = store::StoreLock::alone(session.workspace().store());
  const store::Forgettable what = store::forgettable(session.ledger(), retention);
  std::set<std::string> needed = store::needed_artifacts(session.ledger(), what);
  add_others(session, needed);
  // A first look, which throws for what is damaged before anything is forgotten.
  store::Garbage garbage = session.artifacts().collect(needed, true);
  if (!options.dry_run) {
    store::forget(session.ledger(), what);
    garbage = session.artifacts().collect(needed, false);
    session.artifacts().sweep();
    remove_folders(session);
  }
  print(session, options, what, garbage);
  return kOk;
}

}  // namespace

Verb gc_verb() {
  return {
      "gc", "Forget old runs and free their space",
      "Removes what nothing needs any more: first it forgets runs, as far as --keep-last and --before allow "
      "(both given: a run has to meet both; none given: no run is forgotten), with their logs and the "
      "results that no other run has; then it removes every file from the store that no run of any "
      "workspace sharing it needs. Runs that are interrupted are kept, and failed ones too unless --failed "
      "is given, because they can be resumed. It refuses while a run uses the store, and may be stopped at "
      "any moment: the next one goes on.",
      "  presswork gc --dry-run --keep-last 3\n"
      "  presswork gc --before 30d",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<Options>();
        app.add_option("--keep-last", options->keep_last, "Keep the N latest runs of each workflow")
            ->type_name("N")
            ->check(CLI::Range(0, 1 << 30).description(""));
        app.add_option("--before", options->before,
                       "Forget only runs started before this date (UTC) or longer ago than this age")
            ->type_name("DATE|AGE");
        app.add_flag("--failed", options->failed, "Forget failed runs, too, which could be resumed");
        app.add_flag("-n,--dry-run", options->dry_run, "Only say what would be freed");
        return [options](Session& session) { return gc(session, *options); };
      }};
}

}  // namespace presswork::cli
