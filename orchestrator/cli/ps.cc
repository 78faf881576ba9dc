#include <CLI/CLI.hpp>
#include <chrono>

#include "orchestrator/base/units.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/live_run.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/board.h"
#include "orchestrator/report/journal.h"
#include "orchestrator/report/moment.h"
#include "orchestrator/report/stage_line.h"
#include "orchestrator/report/table.h"
#include "orchestrator/report/text.h"

namespace presswork::cli {

namespace {

using report::Board;
using std::chrono::milliseconds;

struct Live {
  store::RunRow run;
  store::LockHolder holder;
  Board board;
};

// What the run has told its journal. Its times are the system clock's; a board wants those of the other.
Board board_of(Session& session, const std::string& run) {
  Board board;
  report::JournalReader reader(session.workspace().root / "runs" / run);
  const auto now = session.clock().now();
  const auto moment = session.clock().monotonic();
  for (const report::JournalLine& line : reader.read()) {
    const engine::Event event = report::event_of(line);
    board.follow(event, moment - std::chrono::duration_cast<Board::Time::duration>(now - event.time));
  }
  return board;
}

std::optional<Live> live_run(Session& session) {
  if (!session.has_workspace()) return std::nullopt;
  const auto holder = store::lock_holder(session.workspace());
  if (!holder) return std::nullopt;
  for (store::RunRow& run : session.ledger().runs()) {
    if (run.state == "running") return Live{run, *holder, board_of(session, run.id)};
  }
  return std::nullopt;
}

milliseconds since(Board::Time from, Board::Time now) {
  return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(now - from));
}

std::string to_text(const Live& live, const report::Style& style, Board::Time now, const std::string& utc) {
  const auto took = report::seconds_between(live.holder.since, utc);
  std::string out = "run " + style.bold(live.run.id) + " of " + report::one_line(live.run.workflow) +
                    ": process " + std::to_string(live.holder.pid);
  if (took) out += ", for " + base::format_duration(milliseconds(static_cast<long long>(*took * 1000)));
  out += "\n" + style.dim(report::truncate(report::one_line(live.holder.command), 100)) + "\n\n";
  using Align = report::Table::Align;
  report::Table table({{style.bold("STAGE")},
                       {style.bold("PID"), Align::right},
                       {style.bold("TIME"), Align::right},
                       {style.bold("MEMORY"), Align::right},
                       {style.bold("PROGRESS")}});
  for (const auto& [instance, loop] : live.board.loops())
    table.add({report::one_line(instance), "", "", "", report::iteration_text(loop.iteration, loop.max)});
  for (const report::RunningStage& stage : live.board.running()) {
    const GroupFacts facts = group_facts(stage.pid);
    std::string progress = stage.publishing ? "storing results" : report::progress_text(stage.estimate);
    if (const auto left = stage.estimate.left(now); left && !stage.publishing)
      progress += ", " + base::format_duration(*left) + " left";
    if (stage.attempt > 1) progress = "attempt " + std::to_string(stage.attempt) + "  " + progress;
    table.add({report::one_line(stage.instance), std::to_string(stage.pid),
               base::format_duration(since(stage.since, now)),
               facts.processes > 0 ? base::format_bytes(facts.resident_bytes) : "", progress});
  }
  for (const auto& [instance, stage] : live.board.waiting()) {
    table.add({report::one_line(instance), "", "", "",
               style.dim(stage.until
                             ? "waits for attempt " + std::to_string(stage.attempt)
                             : "waits for " + (stage.what.empty() ? "room" : report::one_line(stage.what)))});
  }
  if (!table.empty()) out += table.text() + "\n";
  std::string sum;
  for (const std::string& word : report::count_words(live.board)) sum += (sum.empty() ? "" : ", ") + word;
  if (const auto left = live.board.left(now)) sum += ", " + report::about(*left) + " left";
  return out + sum + "\n";
}

base::Json to_json(const Live& live, Board::Time now) {
  const report::Counts& counts = live.board.counts();
  base::Json json = {{"run", live.run.id},
                     {"workflow", live.run.workflow},
                     {"pid", live.holder.pid},
                     {"since", live.holder.since},
                     {"command", live.holder.command},
                     {"total", counts.total},
                     {"done", counts.done()},
                     {"failed", counts.failed},
                     {"cached", counts.cached},
                     {"stages", base::Json::array()},
                     {"loops", base::Json::array()},
                     {"waiting", base::Json::array()}};
  for (const auto& [instance, loop] : live.board.loops())
    json["loops"].push_back({{"instance", instance}, {"iteration", loop.iteration}, {"max", loop.max}});
  for (const report::RunningStage& stage : live.board.running()) {
    const GroupFacts facts = group_facts(stage.pid);
    base::Json one = {{"instance", stage.instance},
                      {"uses", stage.uses},
                      {"pid", stage.pid},
                      {"attempt", stage.attempt},
                      {"seconds", std::chrono::duration<double>(since(stage.since, now)).count()},
                      {"memory_bytes", facts.resident_bytes},
                      {"processes", facts.processes},
                      {"done", stage.estimate.done()},
                      {"total", stage.estimate.total()},
                      {"what", stage.estimate.what()}};
    const auto left = stage.estimate.left(now);
    one["seconds_left"] = left ? base::Json(std::chrono::duration<double>(*left).count()) : base::Json();
    json["stages"].push_back(std::move(one));
  }
  for (const auto& [instance, stage] : live.board.waiting())
    json["waiting"].push_back({{"instance", instance}, {"for", stage.until ? "retry" : stage.what}});
  return json;
}

int ps(Session& session) {
  const auto live = live_run(session);
  const Board::Time now = session.clock().monotonic();
  if (session.options().json) {
    base::Json runs = base::Json::array();
    if (live) runs.push_back(to_json(*live, now));
    session.output().json({{"runs", runs}});
  } else if (live) {
    session.output().text(
        to_text(*live, session.output().style(), now, base::to_utc_string(session.clock().now())));
  } else {
    session.screen().print("nothing runs in " + session.workspace_root().string());
  }
  return kOk;
}

}  // namespace

Verb ps_verb() {
  return {"ps", "Show what runs at this moment",
          "Shows the run that is going on in the workspace, whichever terminal it was started from, and its "
          "running stages with process, time, memory and progress.",
          "  presswork ps", [](CLI::App&) -> std::function<int(Session&)> { return ps; }};
}

}  // namespace presswork::cli
