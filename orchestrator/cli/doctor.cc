#include <CLI/CLI.hpp>
#include <algorithm>

#include "orchestrator/cli/checks.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/text.h"

namespace presswork::cli {

namespace {

std::string to_text(const std::vector<Check>& checks, const report::Style& style) {
  std::string text;
  for (const Check& check : checks) {
    text += report::pad_right(style.state(check.state), 4) + "  " + report::pad_right(check.subject, 10) +
            "  " + report::one_line(check.finding) + "\n";
    if (!check.advice.empty()) text += "                  " + report::one_line(check.advice) + "\n";
  }
  return text;
}

int doctor(Session& session) {
  std::vector<Check> checks = check_machine();
  for (Check& check : check_plugins(session)) checks.push_back(std::move(check));
  for (Check& check : check_workspace(session)) checks.push_back(std::move(check));
  const bool sound =
      std::none_of(checks.begin(), checks.end(), [](const Check& check) { return check.state == "fail"; });
  if (session.options().json) {
    base::Json json = {{"sound", sound}, {"checks", base::Json::array()}};
    for (const Check& check : checks) {
      json["checks"].push_back({{"state", check.state},
                                {"subject", check.subject},
                                {"finding", check.finding},
                                {"advice", check.advice}});
    }
    session.output().json(json);
  } else {
    session.output().text(to_text(checks, session.output().style()));
  }
  return sound ? kOk : kFailed;
}

}  // namespace

Verb doctor_verb() {
  return {"doctor", "Check machine, plugins and workspace",
          "Checks the machine, the plugins and the workspace, and says what to do about what is wrong. Exit "
          "code 1 "
          "when something fails.",
          "  presswork doctor", [](CLI::App&) -> std::function<int(Session&)> { return doctor; }};
}

}  // namespace presswork::cli
