#include <CLI/CLI.hpp>
#include <memory>

#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/live_run.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/event_fields.h"
#include "orchestrator/report/journal.h"

namespace presswork::cli {

namespace {

struct EventsOptions {
  std::string run;
  bool follow = false;
  std::uint64_t since = 0;
};

int events(Session& session, const EventsOptions& options) {
  const std::string run = session.find_run(options.run).id;
  const fs::path folder = session.workspace().root / "runs" / run;
  report::JournalReader reader(folder);
  report::FolderWatch watch(folder);
  LiveRun live(session, run);
  bool said_its_end = false;
  for (;;) {
    const bool more = options.follow && live.goes_on(said_its_end);
    for (const report::JournalLine& line : reader.read()) {
      said_its_end = report::text_of(line.event, "kind") == "run_ended";
      if (line.seq <= options.since) continue;
      base::Json event = line.event;
      event["seq"] = line.seq;
      session.output().line(event.dump(-1, ' ', false, base::Json::error_handler_t::replace));
    }
    session.output().flush();
    if (!more || session.output().reader_is_gone()) return kOk;
    watch.wait(kLook);
  }
}

}  // namespace

Verb events_verb() {
  return {
      "events", "Print what happened in a run, as JSON lines",
      "Prints the events of RUN, or of the latest run: a JSON object a line, described by "
      "schemas/event.schema.json, numbered by `seq`. With --follow it goes on while the run does, also of "
      "another process, and ends with it.",
      "  presswork events r3 --follow | jq -r 'select(.kind == \"stage_failed\") | .message'",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<EventsOptions>();
        app.add_option("RUN", options->run, "The run, like r3")->type_name("");
        app.add_flag("-f,--follow", options->follow, "Go on until the run ends");
        app.add_option("--since", options->since, "Only events after the one that has this number")
            ->type_name("SEQ");
        return [options](Session& session) { return events(session, *options); };
      }};
}

}  // namespace presswork::cli
