#include "orchestrator/report/journal.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <sstream>

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

  std::vector<std::uint64_t> numbers(JournalReader& reader) {
    std::vector<std::uint64_t> numbers;
    for (const JournalLine& line : reader.read()) numbers.push_back(line.seq);
    return numbers;
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
            "{\"kind\":\"run_started\",\"run\":\"r1\",\"seq\":1,\"time\":\"2026-09-21T14:13:20.000Z\"}\n"
            "{\"instance\":\"load\",\"kind\":\"stage_succeeded\",\"seconds\":1.5,\"seq\":2,\"time\":\"2026-"
            "09-21T14:13:20.000Z\"}\n");
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

TEST_F(Journal, GoesOnCountingAfterAResume) {
  for (int session = 0; session < 2; ++session) {
    const auto journal = make_journal(folder, [](const std::string&) {});
    send(*journal, "run_started", "", {{"run", "r1"}});
    send(*journal, "run_ended", "", {{"state", "interrupted"}});
  }
  JournalReader reader(folder / "r1");
  EXPECT_EQ(numbers(reader), (std::vector<std::uint64_t>{1, 2, 3, 4}));
}

TEST_F(Journal, KeepsAtMostTwoReportsOfProgressASecondAndTheLast) {
  const auto journal = make_journal(folder, [](const std::string&) {});
  send(*journal, "run_started", "", {{"run", "r1"}});
  for (int i = 0; i <= 100; ++i) {
    journal->on_event(
        {std::chrono::system_clock::time_point(std::chrono::milliseconds(1'790'000'000'000 + i * 10)),
         "stage_progress",
         "a",
         {{"done", i}, {"total", 100}, {"what", "rows"}}});
  }
  JournalReader reader(folder / "r1");
  std::vector<int> done;
  for (const JournalLine& line : reader.read()) {
    if (line.event["kind"] == "stage_progress") done.push_back(line.event["done"]);
  }
  EXPECT_EQ(done, (std::vector<int>{0, 50, 100}));
}

TEST_F(Journal, IsReadWhileItIsWrittenEachLineOnce) {
  JournalReader reader(folder / "r1");
  EXPECT_TRUE(reader.read().empty()) << "it does not exist yet";
  const auto journal = make_journal(folder, [](const std::string&) {});
  send(*journal, "run_started", "", {{"run", "r1"}});
  EXPECT_EQ(numbers(reader), (std::vector<std::uint64_t>{1}));
  EXPECT_TRUE(reader.read().empty());
  send(*journal, "stage_started", "a", {{"uses", "x"}});
  send(*journal, "stage_succeeded", "a", {{"uses", "x"}});
  EXPECT_EQ(numbers(reader), (std::vector<std::uint64_t>{2, 3}));
}

TEST_F(Journal, HalfALineIsReadWhenItIsWhole) {
  fs::create_directories(folder / "r1");
  JournalReader reader(folder / "r1");
  std::ofstream file(folder / "r1" / "events.jsonl");
  file << "{\"kind\":\"stage_" << std::flush;
  EXPECT_TRUE(reader.read().empty());
  file << "log\",\"seq\":7}\n" << std::flush;
  EXPECT_EQ(numbers(reader), (std::vector<std::uint64_t>{7}));
}

TEST_F(Journal, ReadersPassOverWhatIsNoEvent) {
  fs::create_directories(folder / "r1");
  std::ofstream(folder / "r1" / "events.jsonl") << "{\"kind\":\"a\n[1]\nnull\n{\"kind\":\"b\"}\n";
  JournalReader reader(folder / "r1");
  const std::vector<JournalLine> lines = reader.read();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].seq, 1u) << "older journals have no numbers: they are counted";
  EXPECT_EQ(event_of(lines[0]).kind, "b");
}

TEST_F(Journal, SurvivesItsRotationForThoseWhoFollowAndThoseWhoComeLate) {
  JournalReader follower(folder / "r1");
  std::vector<std::uint64_t> followed, all;
  const auto journal = make_journal(
      folder, [](const std::string&) {}, 600);
  send(*journal, "run_started", "", {{"run", "r1"}});
  for (int i = 2; i <= 40; ++i) {
    send(*journal, "stage_log", "a", {{"level", "info"}, {"text", std::string(40, 'x')}});
    all.push_back(static_cast<std::uint64_t>(i));
    if (i % 7 != 0) continue;  // several files may have come since the last look
    for (const std::uint64_t number : numbers(follower)) followed.push_back(number);
  }
  for (const std::uint64_t number : numbers(follower)) followed.push_back(number);
  all.insert(all.begin(), 1);
  EXPECT_TRUE(fs::exists(folder / "r1" / "events.3.jsonl"));
  EXPECT_EQ(followed, all);
  JournalReader late(folder / "r1");
  EXPECT_EQ(numbers(late), all);
}

TEST_F(Journal, AFollowerIsWokenByALine) {
  const auto journal = make_journal(folder, [](const std::string&) {});
  send(*journal, "run_started", "", {{"run", "r1"}});
  FolderWatch watch(folder / "r1");
  send(*journal, "stage_started", "a", {{"uses", "x"}});
  watch.wait(60'000);  // the test's time limit ends it otherwise
}

}  // namespace
}  // namespace presswork::report
