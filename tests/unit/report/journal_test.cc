#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <sstream>

#include "orchestrator/report/progress.h"

namespace presswork::report {
namespace {

namespace fs = std::filesystem;

class Journal : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/presswork-journal-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { fs::remove_all(folder); }

  void send(engine::Observer& observer, const std::string& kind, const std::string& instance,
            base::Json data) {
    observer.on_event(
        {std::chrono::system_clock::time_point(std::chrono::seconds(1'790'000'000)), kind, instance, data});
  }
  std::string text() const {
    std::ostringstream all;
    all << std::ifstream(folder / "r1" / "events.jsonl").rdbuf();
    return all.str();
  }

  fs::path folder;
  std::vector<std::string> complaints;
};

TEST_F(Journal, KeepsEachEventAsOneLineOfJson) {
  {
    const auto journal = make_journal(folder, [](const std::string&) {});
    send(*journal, "run_started", "", {{"run", "r1"}});
    send(*journal, "stage_succeeded", "load", {{"seconds", 1.5}});
  }
  EXPECT_EQ(text(),
            "{\"kind\":\"run_started\",\"run\":\"r1\",\"time\":\"2026-09-21T14:13:20.000Z\"}\n"
            "{\"instance\":\"load\",\"kind\":\"stage_succeeded\",\"seconds\":1.5,\"time\":\"2026-09-21T14:13:"
            "20.000Z\"}\n");
}

TEST_F(Journal, StartsANewLineAfterOneThatACrashCut) {
  fs::create_directories(folder / "r1");
  std::ofstream(folder / "r1" / "events.jsonl") << "{\"kind\":\"stage_pro";
  send(*make_journal(folder, [](const std::string&) {}), "run_started", "", {{"run", "r1"}});
  EXPECT_NE(text().find("{\"kind\":\"stage_pro\n{\"kind\":\"run_started\""), std::string::npos) << text();
}

TEST_F(Journal, ComplainsOnceAndNeverThrowsWhenItCannotWrite) {
  fs::create_directories(folder / "r1" / "events.jsonl");
  const auto journal = make_journal(folder, [this](const std::string& what) { complaints.push_back(what); });
  send(*journal, "run_started", "", {{"run", "r1"}});
  send(*journal, "stage_started", "load", {});
  ASSERT_EQ(complaints.size(), 1u);
  EXPECT_NE(complaints[0].find("events.jsonl"), std::string::npos);
}

TEST_F(Journal, NeverLeavesItsFolder) {
  const auto journal = make_journal(folder, [](const std::string&) {});
  send(*journal, "run_started", "", {{"run", "../../outside"}});
  EXPECT_TRUE(fs::is_empty(folder));
}

}  // namespace
}  // namespace presswork::report
