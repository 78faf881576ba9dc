#include "orchestrator/executor/verdict.h"

#include <signal.h>

#include "orchestrator/base/units.h"
#include "orchestrator/executor/outputs.h"
#include "orchestrator/host/protocol.h"

namespace presswork::executor {

namespace {

std::string signal_name(int number) {
  switch (number) {
    case SIGSEGV:
      return "SIGSEGV (an invalid memory access)";
    case SIGABRT:
      return "SIGABRT (abort, a failed assertion or an uncaught exception)";
    case SIGBUS:
      return "SIGBUS (a mapped file that shrank, or a full disk)";
    case SIGFPE:
      return "SIGFPE (an integer division by zero)";
    case SIGILL:
      return "SIGILL (an instruction that this CPU lacks)";
    case SIGKILL:
      return "SIGKILL (killed from outside)";
    case SIGTERM:
      return "SIGTERM (asked to end from outside)";
    case SIGXCPU:
      return "SIGXCPU (limit on CPU time)";
    case SIGXFSZ:
      return "SIGXFSZ (limit on file size)";
    default:
      return "signal " + std::to_string(number);
  }
}

std::string subject(const StageRequest& request) {
  if (request.stage.empty()) return "the plugin " + request.plugin.native();
  return "the stage " + request.stage;
}

std::string phase(const EventStream& stream) { return stream.loaded() ? "" : " while its plugin was loaded"; }

std::string see_log(const StageRequest& request) {
  return request.log_path.empty() ? "" : "what it printed last is in " + request.log_path.native();
}

void say(Outcome& outcome, Ending ending, std::string code, std::string message, std::string hint = {}) {
  outcome.ending = ending;
  outcome.code = std::move(code);
  outcome.message = std::move(message);
  outcome.hint = std::move(hint);
}

void judge_stopped(Outcome& outcome, const StageRequest& request, const Evidence& evidence) {
  const std::string manner =
      evidence.forced ? "; it did not stop when asked and was killed" : "; it stopped when asked";
  if (evidence.timed_out) {
    say(outcome, Ending::timed_out, "timed_out",
        subject(request) + " did not finish within its timeout of " + base::format_duration(request.timeout) +
            manner,
        "give it a longer timeout: or less work");
  } else {
    say(outcome, Ending::cancelled, "cancelled", subject(request) + " was cancelled" + manner);
  }
}

void judge_success(Outcome& outcome, const StageRequest& request, const DoneRecord& done) {
  if (auto problem = check_outputs(request, done.outputs)) {
    say(outcome, Ending::failed, "invalid_output", std::move(problem->message), std::move(problem->hint));
    outcome.where = problem->output;
    return;
  }
  outcome.ending = Ending::succeeded;
  outcome.outputs = done.outputs;
  outcome.document = done.document;
}

void judge_done(Outcome& outcome, const StageRequest& request, const DoneRecord& done) {
  if (done.status == "failed") {
    const bool memory = done.code == "out_of_memory";
    say(outcome, memory ? Ending::out_of_memory : Ending::failed, done.code, done.message, done.hint);
    outcome.where = done.where;
  } else if (done.status == "cancelled") {
    say(outcome, Ending::cancelled, "cancelled", subject(request) + " was told to stop by a signal");
  } else if (done.status == "unsupported" && request.verb != Verb::run) {
    say(outcome, Ending::succeeded, "unsupported", subject(request) + " has no such operation");
  } else {
    say(outcome, Ending::failed, "protocol_violation",
        "the done record has the unknown status \"" + done.status + "\"");
  }
}

void judge_signal(Outcome& outcome, const StageRequest& request, const EventStream& stream,
                  const Evidence& evidence) {
  if (evidence.signal == SIGKILL && evidence.kernel_out_of_memory) {
    return say(
        outcome, Ending::out_of_memory, "out_of_memory",
        subject(request) + " was killed by the kernel because memory ran out",
        "state what it needs under resources: memory:, run fewer stages at once, or use a smaller model");
  }
  say(outcome, Ending::crashed, "crashed_signal",
      subject(request) + " died of " + signal_name(evidence.signal) + phase(stream), see_log(request));
}

void judge_exit(Outcome& outcome, const StageRequest& request, const EventStream& stream, int status) {
  if (status == host::exit_bad_request) {
    return say(outcome, Ending::infrastructure, "lost_host", "the host could not take its request",
               see_log(request));
  }
  if (status == host::exit_channel_lost) {
    return say(outcome, Ending::failed, "protocol_violation",
               subject(request) + " closed the host's private descriptor",
               "a stage closes only descriptors that it opened");
  }
  say(outcome, Ending::crashed, "exited_early",
      subject(request) + " ended its process with exit status " + std::to_string(status) + phase(stream) +
          (stream.done() ? " after its work" : " before its work was done"),
      "a stage returns from run() and never calls exit(); " + see_log(request));
}

}  // namespace

std::string_view to_string(Ending ending) {
  switch (ending) {
    case Ending::succeeded:
      return "succeeded";
    case Ending::failed:
      return "failed";
    case Ending::crashed:
      return "crashed";
    case Ending::timed_out:
      return "timed_out";
    case Ending::cancelled:
      return "cancelled";
    case Ending::out_of_memory:
      return "out_of_memory";
    case Ending::infrastructure:
      return "infrastructure";
  }
  return "infrastructure";
}

Outcome judge(const StageRequest& request, const EventStream& stream, const Evidence& evidence) {
  Outcome outcome;
  outcome.token = request.token;
  outcome.exit_status = evidence.exit_status;
  outcome.signal = evidence.signal;
  const auto& done = stream.done();
  if (!stream.violation().empty()) {
    say(outcome, Ending::failed, "protocol_violation",
        subject(request) + " wrote to the host's private descriptor: " + stream.violation(),
        "a stage writes only to descriptors that it opened");
  } else if (done && done->status == "ok" && evidence.exit_status == 0) {
    judge_success(outcome, request, *done);
  } else if (evidence.timed_out || evidence.cancelled) {
    judge_stopped(outcome, request, evidence);
  } else if (done && evidence.exit_status == 0) {
    judge_done(outcome, request, *done);
  } else if (evidence.signal != 0) {
    judge_signal(outcome, request, stream, evidence);
  } else {
    judge_exit(outcome, request, stream, evidence.exit_status);
  }
  return outcome;
}

}  // namespace presswork::executor
