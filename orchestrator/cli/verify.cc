#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/base/units.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/kept.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/text.h"
#include "orchestrator/store/store_lock.h"

namespace presswork::cli {

namespace {

using base::Error;
using base::ErrorCode;
using std::chrono::milliseconds;

struct Options {
  std::string run;
  bool repair = false;
};

// Who made an artifact, and so can make it again.
struct Maker {
  std::string run, instance, uses, output, key;
  std::vector<std::string> used_by;  // runs whose instances stand for the same result
};
using Makers = std::multimap<std::string, Maker>;  // by artifact

struct Finding {
  store::Damage damage;
  std::vector<std::string> artifacts;  // that have it
  bool repaired = false;
};

struct Report {
  std::size_t artifacts = 0;
  std::uint64_t bytes = 0;
  std::string ledger;  // its problems; empty: sound
  std::vector<Finding> findings;

  bool sound() const {
    return ledger.empty() && std::all_of(findings.begin(), findings.end(),
                                         [](const Finding& finding) { return finding.repaired; });
  }
};

Makers makers_of(Session& session) {
  std::map<std::string, std::vector<std::string>> users;  // runs by key
  for (const store::RunRow& run : session.ledger().runs()) {
    for (const store::InstanceBrief& instance : session.ledger().instance_briefs(run.id)) {
      auto& runs = users[instance.key];
      if (!instance.key.empty() && (runs.empty() || runs.back() != run.id)) runs.push_back(run.id);
    }
  }
  Makers makers;
  for (const store::CheckpointRow& row : session.ledger().checkpoints()) {
    for (const auto& [name, output] : row.outputs) {
      makers.emplace(output.digest, Maker{row.run, row.instance, row.uses, name, row.key, users[row.key]});
    }
  }
  return makers;
}

// All that the store has and the ledger names; of one run, what its checkpoints name.
std::set<std::string> artifacts_to_check(Session& session, const std::string& run, const Makers& makers) {
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
  for (const auto& [digest, maker] : makers) digests.insert(digest);
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

// Each object once, as verify() reads them.
std::uint64_t bytes_to_read(store::ArtifactStore& artifacts, const std::set<std::string>& digests) {
  std::set<std::string> seen;
  std::uint64_t bytes = 0;
  for (const std::string& digest : digests) {
    try {
      for (const store::FileEntry& file : artifacts.manifest(digest).files) {
        if (seen.insert(file.sha256).second) bytes += file.size;
      }
    } catch (const Error& error) {
      if (error.code != ErrorCode::not_found && error.code != ErrorCode::corrupt) throw;
    }
  }
  return bytes;
}

Report check(Session& session, const std::string& run, const Makers& makers) {
  Report report;
  report.ledger = session.ledger().check();
  store::ArtifactStore& artifacts = session.artifacts();
  const std::set<std::string> digests = artifacts_to_check(session, run, makers);
  report.artifacts = digests.size();
  Progress progress(session, bytes_to_read(artifacts, digests));
  store::KnownObjects known;
  std::map<std::pair<std::string, std::string>, std::size_t> found;  // one finding for a shared object
  for (const std::string& digest : digests) {
    for (store::Damage& damage : artifacts.verify(
             digest, true, [&](std::uint64_t bytes) { progress.add(bytes); }, &known)) {
      const auto [at, fresh] =
          found.emplace(std::pair(damage.digest, damage.problem), report.findings.size());
      if (fresh) report.findings.push_back({std::move(damage), {}, false});
      auto& having = report.findings[at->second].artifacts;
      if (having.empty() || having.back() != digest) having.push_back(digest);
    }
  }
  report.bytes = progress.done();
  return report;
}

// Trees are made anew from their objects. Other damage means that the artifact is lost: it is discarded and
// its checkpoints forgotten, in this order, so that an interrupted repair leaves checkpoints that a run finds
// to be unsound, and never an artifact that nobody names.
void repair(Session& session, Report& report, const Makers& makers) {
  std::set<std::string> lost;
  for (Finding& finding : report.findings) {
    for (const std::string& digest : finding.artifacts) {
      if (!finding.damage.tree) lost.insert(digest);
    }
  }
  for (Finding& finding : report.findings) {
    for (const std::string& digest : finding.artifacts) {
      if (finding.damage.tree && !lost.contains(digest)) {
        session.artifacts().discard_tree(digest);
        session.artifacts().locate(digest);
      }
    }
    finding.repaired = true;
  }
  for (const std::string& digest : lost) {
    session.artifacts().discard(digest);
    const auto [first, last] = makers.equal_range(digest);
    for (auto maker = first; maker != last; ++maker) session.ledger().forget_checkpoint(maker->second.key);
  }
}

base::Json to_json(const Report& report, const Makers& makers) {
  base::Json damaged = base::Json::array();
  for (const Finding& finding : report.findings) {
    base::Json rebuilt_by = base::Json::array();
    for (const std::string& digest : finding.artifacts) {
      const auto [first, last] = makers.equal_range(digest);
      for (auto maker = first; maker != last; ++maker) {
        rebuilt_by.push_back({{"run", maker->second.run},
                              {"instance", maker->second.instance},
                              {"uses", maker->second.uses},
                              {"output", maker->second.output},
                              {"used_by", maker->second.used_by}});
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
          {"artifacts", report.artifacts},
          {"bytes", report.bytes},
          {"ledger", report.ledger.empty() ? base::Json("sound") : base::Json(report.ledger)},
          {"damaged", damaged}};
}

std::string maker_text(const Maker& maker) {
  std::string runs;
  for (const std::string& run : maker.used_by) runs += (runs.empty() ? "" : ", ") + run;
  return "  output " + maker.output + " of " + maker.instance + " (" + maker.uses + "), made in " +
         maker.run + (runs.empty() ? "" : ", used by " + runs);
}

void print(Session& session, const Options& options, const Report& report, const Makers& makers) {
  Output& output = session.output();
  if (!report.ledger.empty()) {
    output.text("the ledger is damaged:\n" + report.ledger);
    output.line("  the store's artifacts are not touched by that. Keep a copy of " +
                session.workspace().ledger().string() + " and move it aside: the next run starts a new one");
  }
  bool lost = false;
  for (const Finding& finding : report.findings) {
    lost = lost || !finding.damage.tree;
    output.line(std::string(finding.repaired ? "repaired" : "damaged") + " " +
                (finding.damage.tree ? "tree: " : "object " + finding.damage.digest + ": ") +
                report::one_line(finding.damage.problem));
    bool known = false;
    for (const std::string& digest : finding.artifacts) {
      const auto [first, last] = makers.equal_range(digest);
      for (auto maker = first; maker != last; ++maker) {
        output.line(report::one_line(maker_text(maker->second)));
        known = true;
      }
    }
    if (!known)
      output.line("  no stage would make it again: nothing in the ledger names it (`presswork gc`)");
  }
  output.line(std::to_string(report.artifacts) + (report.artifacts == 1 ? " artifact" : " artifacts") + ", " +
              base::format_bytes(report.bytes) + " read, " +
              (report.findings.empty() ? std::string("all sound")
                                       : std::to_string(report.findings.size()) + " damaged"));
  if (report.findings.empty()) return;
  if (!options.repair) {
    output.line("mend it with: presswork verify --repair" + session.same_arguments());
  } else if (lost) {
    output.line("run the workflow again: the stages named above make anew what was lost");
  }
}

int verify(Session& session, const Options& options) {
  session.need_workspace();
  const std::string run = options.run.empty() ? "" : session.find_run(options.run).id;
  std::unique_ptr<store::WorkspaceLock> lock;
  if (options.repair) lock = store::WorkspaceLock::acquire(session.workspace());
  session.artifacts();
  const fs::path store = session.workspace().store();
  const auto store_lock = options.repair ? store::StoreLock::alone(store) : store::StoreLock::share(store);
  const Makers makers = makers_of(session);
  Report report = check(session, run, makers);
  if (options.repair) repair(session, report, makers);
  if (session.options().json) {
    session.output().json(to_json(report, makers));
  } else {
    print(session, options, report, makers);
  }
  return report.sound() ? kOk : kFailed;
}

}  // namespace

Verb verify_verb() {
  return {
      "verify", "Read all results again and compare them with their digests",
      "Hashes every file that the store holds, or those of RUN, also input files outside of it, and checks "
      "the "
      "ledger. Names each damaged file, and the stages and runs whose results have it. With --repair, trees "
      "are made anew from sound files, and results that are lost are forgotten, so that the next run of the "
      "workflow makes them again; this needs that no run uses the store. Exit code 1 when damage was found "
      "and not repaired.",
      "  presswork verify\n"
      "  presswork verify r3 --repair",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<Options>();
        app.add_option("RUN", options->run, "Only the results of this run")->type_name("");
        app.add_flag("--repair", options->repair, "Mend what can be mended, forget what cannot");
        return [options](Session& session) { return verify(session, *options); };
      }};
}

}  // namespace presswork::cli
