#include "orchestrator/cli/calling.h"

#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/signals.h"
#include "orchestrator/report/progress.h"
#include "orchestrator/report/text.h"

namespace presswork::cli {

Called call(Session& session, const plugins::StageDescription& stage, const engine::CallRequest& request) {
  const int verbosity = session.options().verbosity();
  const auto progress = session.screen().live()
                            ? report::make_live_progress(session.screen(), session.clock(), verbosity)
                            : report::make_plain_progress(session.screen(), session.clock(), verbosity);
  engine::StopRequest stop{0};
  const Signals signals(stop, session.executor());
  Called called;
  called.result = engine::call_stage(stage, request, session.executor(), *progress, session.clock(), stop);
  const bool succeeded = called.result.outcome.ending == executor::Ending::succeeded;
  called.code = succeeded ? kOk : signals.exit_code() != 0 ? signals.exit_code() : kFailed;
  return called;
}

void complain(Session& session, const plugins::StageDescription& stage, const engine::CallResult& result) {
  const executor::Outcome& outcome = result.outcome;
  std::string text =
      stage.id + " " + std::string(executor::to_string(outcome.ending)) + ": " + outcome.message;
  if (!outcome.code.empty()) text += " [" + outcome.code + "]";
  if (!outcome.where.empty()) text += "\n  where: " + outcome.where;
  if (!outcome.hint.empty()) text += "\n  hint: " + outcome.hint;
  session.screen().print(report::printable(text));
}

}  // namespace presswork::cli
