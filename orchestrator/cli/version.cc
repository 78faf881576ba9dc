#include <CLI/CLI.hpp>
#include <cstdint>

#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/verb.h"
#include "sdk/include/presswork/stage_abi.h"

namespace presswork::cli {

namespace {

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

int version(Session& session) {
  const std::string abi = std::to_string(PW_ABI_MAJOR) + "." + std::to_string(PW_ABI_MINOR);
  if (session.options().json) {
    session.output().json({{"version", PRESSWORK_VERSION},
                           {"stage_abi", abi},
                           {"compiler", compiler()},
                           {"executable", executable_path().string()}});
  } else {
    session.output().line("presswork " PRESSWORK_VERSION " (stage ABI " + abi + ", " + compiler() + ")");
  }
  return kOk;
}

}  // namespace

Verb version_verb() {
  return {"version", "Print the version",
          "Prints the version of Presswork and of the stage ABI that it offers to plugins.",
          "  presswork version --json", [](CLI::App&) -> std::function<int(Session&)> { return version; }};
}

}  // namespace presswork::cli
