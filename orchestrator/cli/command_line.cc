#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <string_view>

#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/help.h"
#include "orchestrator/cli/signals.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/text.h"

namespace presswork::cli {

using base::Error;
using base::ErrorCode;

std::vector<Verb> all_verbs() {
  return {run_verb(),         compress_verb(), resume_verb(),  retry_verb(),  rollback_verb(), plan_verb(),
          validate_verb(),    graph_verb(),    runs_verb(),    status_verb(), ps_verb(),       logs_verb(),
          events_verb(),      explain_verb(),  diff_verb(),    cancel_verb(), report_verb(),   approve_verb(),
          checkpoints_verb(), export_verb(),   verify_verb(),  gc_verb(),     plugins_verb(),  doctor_verb(),
          version_verb(),     call_verb(),     estimate_verb()};
}

namespace {

void write_stderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(2, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody listens
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// The word that stands where the verb belongs: the first that is neither an option nor the value of one.
std::string_view verb_of(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--workspace" || word == "--store" || word == "--plugin-path") {
      ++i;
    } else if (word.empty() || word[0] != '-') {
      return word;
    }
  }
  return {};
}

bool wants_json(int argc, const char* const* argv) {
  return std::any_of(argv + 1, argv + argc,
                     [](const char* word) { return std::string_view(word) == "--json"; });
}

int report(const Error& error, bool json, Output& output) {
  write_stderr(report::printable(base::render(error)));
  if (json) {
    output.json(error_json(error));
    output.flush();
  }
  return exit_code(error.code);
}

// The verb's name is unknown: throws Error{usage} with the nearest one.
void check_verb(std::string_view name, const std::vector<Verb>& verbs) {
  std::vector<std::string> names;
  for (const Verb& verb : verbs) names.push_back(verb.name);
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  const std::string near = base::nearest(name, names);
  throw Error(
      ErrorCode::usage, "there is no command \"" + std::string(name) + "\"",
      near.empty() ? "`presswork --help` lists the commands" : "did you mean `presswork " + near + "`?");
}

// What the command line asked for.
struct Chosen {
  CommonOptions common;
  std::string verb;
  std::function<int(Session&)> work;
};

// `wanted`: of the verbs, this one alone; all when it is empty.
void define(CLI::App& app, const std::vector<Verb>& verbs, std::string_view wanted, Chosen& chosen) {
  std::map<std::string, std::string> summaries;
  for (const Verb& verb : verbs) summaries[verb.name] = verb.summary;
  app.formatter(std::make_shared<HelpFormatter>(std::move(summaries)));
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", PRESSWORK_VERSION, "Print the version");
  app.footer("`presswork VERB --help` explains a verb, with an example.");
  add_common(app, chosen.common);
  for (const Verb& verb : verbs) {
    if (!wanted.empty() && verb.name != wanted) continue;
    CLI::App* command = app.add_subcommand(verb.name, verb.summary);
    command->group("Verbs");
    command->description(verb.description);
    command->footer("Example:\n" + verb.example);
    const auto work = verb.define(*command);
    add_common(*command, chosen.common);
    command->callback([&chosen, name = verb.name, work] {
      chosen.verb = name;
      chosen.work = work;
    });
  }
}

int work(const Chosen& chosen, Output& output) {
  const report::TerminalFacts facts = report::terminal_facts(2);
  report::Screen screen(
      write_stderr, [] { return report::terminal_size(2); }, facts.live, facts.style);
  if (chosen.common.no_color) {
    screen.forbid_colour();
    output.forbid_colour();
  }
  Session session(chosen.common, output, screen);
  const int code = chosen.work(session);
  output.flush();
  return code;
}

int parse_and_work(int argc, const char* const* argv, Output& output) {
  const std::vector<Verb> verbs = all_verbs();
  CLI::App app("Presswork compresses language models by declarative workflows.", "presswork");
  Chosen chosen;
  std::vector<const char*> words(argv, argv + argc);
  const std::string_view verb = verb_of(argc, argv);
  // `presswork help run` is `presswork run --help`.
  if (verb == "help") {
    words.erase(
        std::find_if(words.begin() + 1, words.end(), [](std::string_view word) { return word == "help"; }));
    words.push_back("--help");
  } else if (!verb.empty()) {
    check_verb(verb, verbs);
  }
  // The others are not needed where it comes first: no option before it asks for help.
  define(app, verbs, argc > 1 && verb == argv[1] && verb != "help" ? verb : "", chosen);
  try {
    app.parse(static_cast<int>(words.size()), words.data());
  } catch (const CLI::CallForHelp&) {
    const auto chosen_commands = app.get_subcommands();
    output.text(chosen_commands.empty() ? app.help() : chosen_commands.front()->help());
    output.flush();
    return kOk;
  } catch (const CLI::CallForVersion& version) {
    output.line(version.what());
    output.flush();
    return kOk;
  } catch (const CLI::ParseError& error) {
    throw Error(ErrorCode::usage, error.what(),
                "see `presswork " + (verb.empty() ? "" : std::string(verb) + " ") + "--help`");
  }
  if (!chosen.work) {
    write_stderr(app.help());
    return kUsage;
  }
  return work(chosen, output);
}

}  // namespace

int run_command_line(int argc, const char* const* argv) {
  ignore_broken_pipes();
  Output output;
  const bool json = wants_json(argc, argv);
  try {
    try {
      return parse_and_work(argc, argv, output);
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      throw Error(ErrorCode::internal, error.what(),
                  "this is a defect of Presswork: please report it with the command");
    }
  } catch (const Error& error) {
    try {
      return report(error, json, output);
    } catch (const Error&) {
      return exit_code(error.code);  // stdout cannot be written: stderr has it all
    }
  }
}

}  // namespace presswork::cli
