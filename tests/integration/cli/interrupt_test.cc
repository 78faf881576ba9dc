#include "command.h"

namespace presswork::testing {
namespace {

class Interrupt : public Command {
 protected:
  std::string workflow() const {
    return file("slow.yaml",
                "presswork: 1\n"
                "name: slow\n"
                "params:\n"
                "  pause: {type: integer, default: 0}\n"
                "stages:\n"
                "  quick: {uses: test/echo, with: {file: slow.yaml}}\n"
                "  slow:\n"
                "    uses: test/echo\n"
                "    inputs: {model: quick.text}\n"
                "    with: {milliseconds: 1000, steps: 100, file: slow.yaml}\n");
  }

  // Starts the workflow, sends the signal once the slow stage runs, and gives the exit code.
  int interrupted_by(int signal) {
    const std::filesystem::path log = folder.path() / "log";
    std::filesystem::remove(log);
    const pid_t pid = spawn(command({"run", workflow()}), log);
    while (slurp(log).find("slow started") == std::string::npos) usleep(5'000);
    ::kill(pid, signal);
    const int code = wait_for(pid);
    said = slurp(log);
    return code;
  }

  std::string said;
};

TEST_F(Interrupt, CtrlCStopsTheRunAndSaysHowToGoOn) {
  EXPECT_EQ(interrupted_by(SIGINT), 130);
  EXPECT_NE(said.find("Go on with: presswork resume r1"), std::string::npos) << said;
  EXPECT_NE(said.find("stopping: what runs is asked to end"), std::string::npos) << said;
  EXPECT_EQ(presswork({"status", "--json"}).json()["state"], "interrupted");
  EXPECT_EQ(presswork({"explain", "r1", "slow", "--json"}).json()["why"],
            "it is to run again: attempt 1 ended as cancelled");
  const Finished resumed = presswork({"resume", "--json"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(resumed.json()["run"], "r1");
  EXPECT_EQ(resumed.json()["stages"][0]["attempts"], 1) << "what was finished is not done again";
}

TEST_F(Interrupt, ACancelWhoseTimeIsOverSaysThatTheRunHasNotEnded) {
  const std::filesystem::path log = folder.path() / "log";
  const pid_t pid = spawn(command({"run", workflow()}), log);
  while (slurp(log).find("slow started") == std::string::npos) usleep(5'000);
  ::kill(pid, SIGSTOP);  // so that it cannot end
  const Finished late = presswork({"cancel", "r1", "--wait", "--timeout", "1ms"});
  ::kill(pid, SIGCONT);
  EXPECT_EQ(late.code, 1);
  EXPECT_NE(late.err.find("r1 is told to stop, and has not ended after 1ms (--kill is faster)"),
            std::string::npos)
      << late.err;
  EXPECT_EQ(wait_for(pid), 130);
}

TEST_F(Interrupt, AStageOfARunThatWasKilledIsInterruptedAndNotRunning) {
  interrupted_by(SIGKILL);
  const base::Json status = presswork({"status", "--json"}).json();
  EXPECT_EQ(status["state"], "interrupted");
  EXPECT_EQ(status["stages"][1]["state"], "interrupted") << status;
  const base::Json told = presswork({"explain", "r1", "slow", "--json"}).json();
  EXPECT_EQ(told["state"], "interrupted");
  EXPECT_EQ(told["attempts"][0]["outcome"], "interrupted");
  EXPECT_TRUE(told["attempts"][0]["seconds"].is_null());
  const std::string graph = presswork({"graph", "r1", "--format", "dot"}).out;
  EXPECT_EQ(graph.find("running"), std::string::npos) << graph;
}

TEST_F(Interrupt, TerminationAndHangUpAreExitCode143) {
  EXPECT_EQ(interrupted_by(SIGTERM), 143);
  EXPECT_EQ(interrupted_by(SIGHUP), 143);
}

TEST_F(Interrupt, AReaderThatGoesAwayIsNoError) {
  ASSERT_EQ(
      presswork({"run", file("one.yaml", "presswork: 1\nname: one\nstages:\n  a: {uses: test/noop}\n")}).code,
      0);
  const std::string line = kPresswork + " runs --workspace " + workspace().string() + "; echo $? >" +
                           (folder.path() / "code").string();
  ASSERT_EQ(run_to_end({"/bin/sh", "-c", "{ " + line + "; } | true"}), 0);
  EXPECT_EQ(slurp(folder.path() / "code"), "0\n");
}

}  // namespace
}  // namespace presswork::testing
