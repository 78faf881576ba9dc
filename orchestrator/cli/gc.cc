#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <regex>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/base/units.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/other_workspaces.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/engine/run.h"
#include "orchestrator/store/registry.h"
#include "orchestrator/store/reserve.h"
#include "orchestrator/store/retention.h"
#include "orchestrator/store/store_lock.h"

namespace presswork::cli {

namespace {

using base::Error;
using base::ErrorCode;

struct GcOptions {
  std::optional<std::size_t> keep_last;
  std::optional<std::string> before;  // "" is a mistake, and no rule left out: a variable may be unset
  bool failed = false, interrupted = false, dry_run = false, forget_missing = false;
};

int number(const std::ssub_match& digits) { return digits.matched ? std::stoi(digits.str()) : 0; }

// A 31st of June would stand for another day than its writer meant, or, compared as text, for all days.
bool exists(const std::smatch& date) {
  using namespace std::chrono;
  const year_month_day day(year(number(date[1])), month(static_cast<unsigned>(number(date[2]))),
                           std::chrono::day(static_cast<unsigned>(number(date[3]))));
  return day.ok() && number(date[4]) < 24 && number(date[5]) < 60 && number(date[6]) < 60;
}

// "2026-01-31", a time of day with it, or an age like "30d", as the ledger writes times.
std::string point_in_time(const std::string& text, base::Clock& clock) {
  static const std::regex form(R"((\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,3})?)?Z?)?)");
  std::smatch date;
  if (std::regex_match(text, date, form) && exists(date)) {
    return text.back() == 'Z' ? text.substr(0, text.size() - 1) : text;
  }
  if (const auto age = base::parse_duration(text)) return base::to_utc_string(clock.now() - *age);
  throw Error(ErrorCode::usage,
              "--before needs a date like 2026-01-31 or an age like 30d, not \"" + text + "\"");
}

// A workspace on a disk that is not mounted needs its results all the same.
void heed_missing(Session& session, const GcOptions& options) {
  for (const fs::path& root : missing_workspaces(session)) {
    if (!options.forget_missing) {
      throw Error(ErrorCode::not_found,
                  "the workspace " + root.string() +
                      ", which uses this store, is not there: what it needs cannot be known",
                  "mount its disk; or, if it was removed for good, say so with --forget-missing");
    }
    if (options.dry_run) continue;
    store::unregister_workspace(base::real_file_system(), session.workspace().store(), root);
  }
}

// One whose ledger cannot be read stops everything.
std::set<std::string> needed_by_others(Session& session) {
  std::set<std::string> needed;
  for (const fs::path& root : other_workspaces(session)) {
    const auto ledger = store::Ledger::open(store::Workspace{root}.ledger(), store::Ledger::Mode::read_only);
    needed.merge(store::needed_artifacts(*ledger));
  }
  return needed;
}

// What runs that died left: processes, work folders, what was being put together.
void clean_up(Session& session) {
  struct : engine::Observer {
    void on_event(const engine::Event&) override {}
  } nobody;
  const engine::StopRequest stop{0};
  engine::clean_up({session.workspace(), session.ledger(), session.artifacts(), session.executor(),
                    session.clock(), nobody, stop});
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

void print(Session& session, const GcOptions& options, const store::Forgettable& what,
           const store::Garbage& garbage) {
  if (session.options().json) {
    session.output().json({{"dry_run", options.dry_run},
                           {"runs", what.runs},
                           {"checkpoints", what.checkpoints.size()},
                           {"artifacts", garbage.artifacts},
                           {"files", garbage.objects},
                           {"bytes", garbage.bytes}});
    return;
  }
  const std::string would = options.dry_run ? "would be " : "";
  std::string runs;
  for (const std::string& run : what.runs) runs += (runs.empty() ? ": " : ", ") + run;
  session.output().line(would + "forgotten: " + plural(what.runs.size(), "run") + runs + "; " +
                        plural(what.checkpoints.size(), "checkpoint"));
  session.output().line(would + "removed: " + plural(garbage.artifacts, "artifact") + ", " +
                        plural(garbage.objects, "file"));
  session.output().line(would + "freed: " + base::format_bytes(garbage.bytes));
}

int gc(Session& session, const GcOptions& options) {
  session.need_workspace();
  store::Retention retention;
  retention.keep_last = options.keep_last;
  if (options.before) retention.before = point_in_time(*options.before, session.clock());
  retention.failed = options.failed;
  retention.interrupted = options.interrupted;

  const auto lock = store::WorkspaceLock::acquire(session.writable_workspace());
  session.artifacts();
  const auto store_lock = store::StoreLock::alone(session.workspace().store());
  if (!options.dry_run) {
    // Before the ledger is opened, which takes room on a full disk.
    store::release_reserve(session.workspace());
    session.artifacts().sweep();
    clean_up(session);
  }
  heed_missing(session, options);
  const store::Forgettable what = store::forgettable(session.ledger(), retention);
  const store::Garbage garbage = store::free_space(session.ledger(), session.artifacts(), what,
                                                   needed_by_others(session), options.dry_run);
  if (!options.dry_run) {
    remove_folders(session);
    store::keep_reserve(session.workspace());
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
      "workspace sharing it needs. Failed, interrupted and partial runs can be resumed, and are kept unless "
      "--failed and --interrupted are given. It refuses while a run uses the store, or when a workspace that "
      "shares "
      "it is not there, and may be stopped at any moment: the next one goes on.",
      "  presswork gc --dry-run --keep-last 3\n"
      "  presswork gc --before 30d",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<GcOptions>();
        app.add_option("--keep-last", options->keep_last, "Keep the N latest runs of each workflow")
            ->type_name("N")
            ->check(CLI::Range(0, 1 << 30).description(""));
        app.add_option("--before", options->before,
                       "Forget only runs started before this date (UTC) or longer ago than this age")
            ->type_name("DATE|AGE");
        app.add_flag("--failed", options->failed, "Forget failed runs, too, which could be resumed");
        app.add_flag("--interrupted", options->interrupted,
                     "Forget interrupted and partial runs, too, which could be resumed");
        app.add_flag("--forget-missing", options->forget_missing,
                     "Free what only workspaces needed that are gone for good");
        app.add_flag("-n,--dry-run", options->dry_run, "Only say what would be freed");
        return [options](Session& session) { return gc(session, *options); };
      }};
}

}  // namespace presswork::cli
