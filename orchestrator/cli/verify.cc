#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "orchestrator/base/error.h"
#include "orchestrator/base/units.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/kept.h"
#include "orchestrator/cli/other_workspaces.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/text.h"
#include "orchestrator/store/inspection.h"
#include "orchestrator/store/retention.h"
#include "orchestrator/store/store_lock.h"

namespace presswork::cli {

namespace {

using base::Error;
using std::chrono::milliseconds;

struct VerifyOptions {
  std::string run;
  bool repair = false;
};

struct Report {
  store::Makers makers;
  store::Inspection inspection;
  std::uint64_t bytes = 0;
  std::string ledger;               // its problems; empty: sound
  std::set<std::string> needed;     // artifacts that the ledger names, those of superseded results too
  std::vector<std::string> unread;  // what is wrong with the ledgers of other workspaces

  bool sound() const {
    const auto& findings = inspection.findings;
    return ledger.empty() && std::all_of(findings.begin(), findings.end(),
                                         [](const store::Finding& finding) { return finding.repaired; });
  }
};

// The ledgers of the other workspaces on the store: their results are damaged, too, and to be forgotten.
// Where one cannot be used, its next run finds out by itself.
std::vector<std::unique_ptr<store::Ledger>> open_others(Session& session, bool to_write, Report& report) {
  using Mode = store::Ledger::Mode;
  std::vector<std::unique_ptr<store::Ledger>> ledgers;
  for (const fs::path& root : other_workspaces(session)) {
    try {
      const fs::path file = store::Workspace{root}.ledger();
      ledgers.push_back(store::Ledger::open(file, to_write ? Mode::read_write : Mode::read_only));
      add_makers(report.makers, *ledgers.back(), root);
    } catch (const Error& error) {
      report.unread.push_back(error.message);
    }
  }
  return ledgers;
}

// All that the store has and the ledger names; of one run, what its checkpoints name.
std::set<std::string> artifacts_to_check(Session& session, const std::string& run) {
  std::set<std::string> digests;
  if (!run.empty()) {
    for (const Kept& kept : kept_checkpoints(session.ledger(), run)) {
      for (const auto& [name, output] : kept.checkpoint.outputs) {
        // What a superseded result consisted of may be gone: nobody can make it again.
        if (!kept.superseded || session.artifacts().contains(output.digest)) digests.insert(output.digest);
      }
    }
    return digests;
  }
  for (const std::string& digest : session.artifacts().artifacts()) digests.insert(digest);
  for (const store::CheckpointRow& row : session.ledger().checkpoints()) {
    for (const auto& [name, output] : row.outputs) digests.insert(output.digest);
  }
  return digests;
}

// How far it is, on the terminal: bytes, share and time left.
class Progress {
 public:
  Progress(Session& session, std::uint64_t total)
      : session_(session), total_(total), begin_(session.clock().monotonic()), shown_(begin_) {}
  ~Progress() { session_.screen().clear_live(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void add(std::uint64_t bytes) {
    done_ += bytes;
    const auto now = session_.clock().monotonic();
    if (now - shown_ < milliseconds(200)) return;
    shown_ = now;
    const double share =
        total_ == 0 ? 1 : std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
    const auto spent = std::chrono::duration_cast<milliseconds>(now - begin_);
    std::string line = "verifying " + base::format_bytes(done_) + " of " + base::format_bytes(total_) + ", " +
                       std::to_string(static_cast<int>(share * 100)) + " %";
    if (share > 0) {
      const auto left = static_cast<std::int64_t>(static_cast<double>(spent.count()) * (1 - share) / share);
      line += ", " + base::format_duration(milliseconds(left)) + " left";
    }
    session_.screen().set_live({line});
  }
  std::uint64_t done() const { return done_; }

 private:
  Session& session_;
  std::uint64_t total_, done_ = 0;
  std::chrono::steady_clock::time_point begin_, shown_;
};

void check(Session& session, const std::string& run, Report& report) {
  report.ledger = session.ledger().check();
  store::add_makers(report.makers, session.ledger(), {});
  report.needed = store::needed_artifacts(session.ledger());
  store::ArtifactStore& artifacts = session.artifacts();
  const std::set<std::string> digests = artifacts_to_check(session, run);
  Progress progress(session, store::bytes_to_inspect(artifacts, digests));
  report.inspection = store::inspect(artifacts, digests, [&](std::uint64_t bytes) { progress.add(bytes); });
  report.bytes = progress.done();
}

void repair(Session& session, Report& report, const std::vector<std::unique_ptr<store::Ledger>>& others) {
  std::vector<store::Ledger*> ledgers = {&session.ledger()};
  for (const auto& ledger : others) ledgers.push_back(ledger.get());
  store::repair(report.inspection, session.artifacts(), ledgers);
}

base::Json to_json(const Report& report) {
  base::Json damaged = base::Json::array();
  for (const store::Finding& finding : report.inspection.findings) {
    base::Json rebuilt_by = base::Json::array();
    for (const std::string& digest : finding.artifacts) {
      const auto [first, last] = report.makers.equal_range(digest);
      for (auto maker = first; maker != last; ++maker) {
        const fs::path& workspace = maker->second.workspace;
        rebuilt_by.push_back(
            {{"run", maker->second.run},
             {"instance", maker->second.instance},
             {"uses", maker->second.uses},
             {"output", maker->second.output},
             {"used_by", maker->second.used_by},
             {"workspace", workspace.empty() ? base::Json() : base::Json(workspace.string())}});
      }
    }
    damaged.push_back({{"object", finding.damage.digest},
                       {"problem", finding.damage.problem},
                       {"kind", finding.damage.tree ? "tree" : "object"},
                       {"artifacts", finding.artifacts},
                       {"rebuilt_by", rebuilt_by},
                       {"repaired", finding.repaired}});
  }
  return {{"sound", report.sound()},
          {"artifacts", report.inspection.artifacts},
          {"bytes", report.bytes},
          {"ledger", report.ledger.empty() ? base::Json("sound") : base::Json(report.ledger)},
          {"damaged", damaged}};
}

std::string maker_text(const store::Maker& maker) {
  std::string runs;
  for (const std::string& run : maker.used_by) runs += (runs.empty() ? "" : ", ") + run;
  return "  output " + maker.output + " of " + maker.instance + " (" + maker.uses + "), made in " +
         maker.run + (runs.empty() ? "" : ", used by " + runs) +
         (maker.workspace.empty() ? "" : "; workspace " + maker.workspace.string());
}

void print(Output& output, const store::Finding& finding, const Report& report) {
  output.line(std::string(finding.repaired ? "repaired" : "damaged") + " " +
              (finding.damage.tree ? "tree: " : "object " + finding.damage.digest + ": ") +
              report::one_line(finding.damage.problem));
  bool known = false, needed = false;
  for (const std::string& digest : finding.artifacts) {
    const auto [first, last] = report.makers.equal_range(digest);
    for (auto maker = first; maker != last; ++maker) output.line(report::one_line(maker_text(maker->second)));
    known = known || first != last;
    needed = needed || report.needed.contains(digest);
  }
  if (known) return;
  output.line(
      needed ? "  no stage would make it again: it belongs to an input, or to a result that was superseded"
             : "  no stage would make it again: nothing names it (`presswork gc` removes it)");
}

void print(Session& session, const VerifyOptions& options, const Report& report) {
  Output& output = session.output();
  if (!report.ledger.empty()) {
    output.text("the ledger is damaged:\n" + report.ledger);
    output.line("  the store's artifacts are not touched by that. Keep a copy of " +
                session.workspace().ledger().string() + " and move it aside: the next run starts a new one");
  }
  const auto& findings = report.inspection.findings;
  for (const store::Finding& finding : findings) print(output, finding, report);
  output.line(std::to_string(report.inspection.artifacts) +
              (report.inspection.artifacts == 1 ? " artifact" : " artifacts") + ", " +
              base::format_bytes(report.bytes) + " read, " +
              (findings.empty() ? std::string("all sound") : std::to_string(findings.size()) + " damaged"));
  for (const std::string& why : report.unread) {
    output.line("what another workspace on this store has is not known: " + report::one_line(why));
  }
  const bool lost = std::any_of(findings.begin(), findings.end(),
                                [](const store::Finding& finding) { return !finding.damage.tree; });
  if (!findings.empty() && !options.repair) {
    output.line("mend it with: presswork verify --repair" + session.same_arguments());
  } else if (lost) {
    output.line("run the workflow again: the stages named above make anew what was lost");
  }
}

int verify(Session& session, const VerifyOptions& options) {
  session.need_workspace();
  const std::string run = options.run.empty() ? "" : session.find_run(options.run).id;
  std::unique_ptr<store::WorkspaceLock> lock;
  if (options.repair) lock = store::WorkspaceLock::acquire(session.writable_workspace());
  session.artifacts();
  const fs::path store = session.workspace().store();
  const auto store_lock = options.repair ? store::StoreLock::alone(store) : store::StoreLock::share(store);
  Report report;
  check(session, run, report);
  const auto others = open_others(session, options.repair, report);
  if (options.repair) repair(session, report, others);
  if (session.options().json) {
    session.output().json(to_json(report));
  } else {
    print(session, options, report);
  }
  return report.sound() ? kOk : kFailed;
}

}  // namespace

Verb verify_verb() {
  return {
      "verify", "Read all results again and compare them with their digests",
      "Hashes every file that the store holds, or those of RUN, also input files outside of it, and checks "
      "the ledger. Names each damaged file, and the stages and runs whose results have it. With --repair, "
      "trees are made anew from sound files, and results that are lost are forgotten, so that the next run "
      "of the workflow makes them again; this needs that no run uses the store. Exit code 1 when damage was "
      "found and not repaired.",
      "  presswork verify\n"
      "  presswork verify r3 --repair",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<VerifyOptions>();
        app.add_option("RUN", options->run, "Only the results of this run")->type_name("");
        app.add_flag("--repair", options->repair, "Mend what can be mended, forget what cannot");
        return [options](Session& session) { return verify(session, *options); };
      }};
}

}  // namespace presswork::cli
