// A disk that is full or may not be written to: a small tmpfs, which only root can mount.
#include <sys/mount.h>

#include <functional>

#include "command.h"

namespace presswork::testing {
namespace {

namespace fs = std::filesystem;

class Disk : public Command {
 protected:
  void SetUp() override {
    fs::create_directories(disk());
    if (::mount("tmpfs", disk().c_str(), "tmpfs", 0, "size=4m") != 0) {
      GTEST_SKIP() << "skipped: a tmpfs cannot be mounted here";
    }
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) ::umount2(disk().c_str(), MNT_DETACH);
  }
  void make_read_only() const {
    ASSERT_EQ(::mount("tmpfs", disk().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=4m"), 0);
  }
  void resize(std::size_t bytes) const {
    const std::string size = "size=" + std::to_string(bytes);
    ASSERT_EQ(::mount("tmpfs", disk().c_str(), "tmpfs", MS_REMOUNT, size.c_str()), 0);
  }
  // Leaves about `left` bytes free.
  void fill(std::size_t left) const { fill(left, disk() / "ballast"); }
  void fill(std::size_t left, const fs::path& file) const {
    const auto space = fs::space(disk());
    if (space.available > left) std::ofstream(file) << std::string(space.available - left, 'x');
  }
  // In no workspace but the one that `arguments` names.
  Finished run(const std::vector<std::string>& arguments) const {
    std::vector<std::string> words = {
        "/bin/sh", "-c", "cd \"$1\" && shift && exec \"$@\" >out 2>err", "sh", folder.path().string(),
        kPresswork};
    words.insert(words.end(), arguments.begin(), arguments.end());
    words.insert(words.end(), {"--plugin-path", kTestPlugins});
    Finished finished;
    finished.code = run_to_end(words);
    finished.out = slurp(folder.path() / "out");
    finished.err = slurp(folder.path() / "err");
    return finished;
  }
  void expect_all_to_be_seen(const std::function<Finished(std::vector<std::string>)>& in_it) const {
    const std::vector<std::vector<std::string>> looks = {
        {"status"},           {"runs"},        {"ps"},     {"logs", "r1", "first"},    {"events", "r1"},
        {"checkpoints"},      {"graph", "r1"}, {"verify"}, {"explain", "r1", "first"}, {"plan", flow()},
        {"diff", "r1", "r1"}, {"plugins"}};
    for (const std::vector<std::string>& words : looks) {
      const Finished seen = in_it(words);
      EXPECT_EQ(seen.code, 0) << words[0] << ": " << seen.out << seen.err;
    }
    EXPECT_EQ(in_it({"export", "r1", "first", "text", "first.txt"}).code, 0);
    EXPECT_FALSE(slurp(folder.path() / "first.txt").empty());
    fs::remove(folder.path() / "first.txt");
  }
  fs::path disk() const { return folder.path() / "disk"; }
  std::string flow() const {
    return file("flow.yaml",
                "presswork: 1\nname: flow\nstages:\n"
                "  first: {uses: test/echo, with: {value: 1}}\n"
                "  second: {uses: test/echo, inputs: {model: first.text}, with: {value: 2}}\n"
                "  third: {uses: test/echo, inputs: {model: second.text}, with: {value: 3}}\n");
  }

 private:
  bool mounted_ = false;
};

// Whatever amount is left: an error that says so, and after there is room again, the same results.
TEST_F(Disk, ThatIsFullLosesNothingAndAResumeComesToTheSame) {
  std::vector<std::string> expected;
  int failed = 0;
  for (const std::size_t left : {600'000u, 300'000u, 200'000u, 120'000u, 60'000u, 20'000u, 0u}) {
    SCOPED_TRACE(left);
    const std::string workspace = (disk() / "workspace").string();
    fs::remove_all(workspace);
    fs::remove(disk() / "ballast");
    fill(left);
    const auto in_it = [&](std::vector<std::string> words) {
      words.insert(words.end(), {"--workspace", workspace});
      return run(words);
    };
    const Finished full = in_it({"run", flow()});
    failed += full.code == 0 ? 0 : 1;
    if (full.code != 0) {
      EXPECT_EQ(full.code, 1) << full.out << full.err;
      const std::string said = full.out + full.err;
      EXPECT_TRUE(said.find("No space left") != std::string::npos ||
                  said.find("disk space") != std::string::npos)
          << said;
    }
    fs::remove(disk() / "ballast");
    // The run may have been recorded before the disk was full, or not.
    const Finished runs = in_it({"runs", "--json"});
    const bool recorded = runs.code == 0 && !runs.json()["runs"].empty();
    const Finished again = recorded ? in_it({"resume"}) : in_it({"run", flow()});
    EXPECT_EQ(again.code, 0) << again.out << again.err;
    EXPECT_EQ(in_it({"verify"}).code, 0);
    std::vector<std::string> digests;
    for (const auto& row : in_it({"checkpoints", "--json"}).list("checkpoints")) {
      digests.push_back(row["outputs"]["text"]["digest"]);
    }
    EXPECT_EQ(digests.size(), 3u);
    if (expected.empty()) expected = digests;
    EXPECT_EQ(digests, expected);
  }
  EXPECT_GT(failed, 0) << "the disk was never full";
}

// What a dead process was putting together comes first, before the ledger needs room to forget.
TEST_F(Disk, ThatIsFullOfLeftoversIsFreedByGc) {
  const std::string workspace = (disk() / "workspace").string();
  const auto in_it = [&](std::vector<std::string> words) {
    words.insert(words.begin(),
                 {"/bin/sh", "-c", "exec \"$@\" >\"$0\" 2>&1", (folder.path() / "log").string(), kPresswork});
    words.insert(words.end(), {"--workspace", workspace, "--plugin-path", kTestPlugins});
    return run_to_end(words);
  };
  ASSERT_EQ(in_it({"run", flow()}), 0) << slurp(folder.path() / "log");
  fs::create_directories(fs::path(workspace) / "store/tmp/dead");
  fill(0, fs::path(workspace) / "store/tmp/dead/half");
  EXPECT_EQ(in_it({"gc", "--keep-last", "0"}), 0) << slurp(folder.path() / "log");
  EXPECT_EQ(in_it({"verify"}), 0) << slurp(folder.path() / "log");
}

// The results of the runs themselves fill it: to forget them, the ledger needs room first.
TEST_F(Disk, ThatIsFullOfResultsIsFreedByGc) {
  const auto in_it = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"--workspace", (disk() / "workspace").string()});
    return run(words);
  };
  resize(1u << 30);  // a reserve is only kept where there is plenty of room
  ASSERT_EQ(in_it({"run", flow()}).code, 0);
  ASSERT_EQ(in_it({"run", flow(), "--no-cache"}).code, 0);
  const auto space = fs::space(disk());
  resize(space.capacity - space.free);
  ASSERT_EQ(fs::space(disk()).available, 0u);
  const Finished freed = in_it({"gc", "--keep-last", "1"});
  EXPECT_EQ(freed.code, 0) << freed.out << freed.err;
  EXPECT_EQ(in_it({"runs", "--json"}).list("runs").size(), 1u);
  EXPECT_EQ(in_it({"verify"}).code, 0);
}

// Not a byte is free, not even for SQLite's index beside the ledger.
TEST_F(Disk, ThatIsFullHidesNothing) {
  const auto in_it = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"--workspace", (disk() / "workspace").string()});
    return run(words);
  };
  ASSERT_EQ(in_it({"run", flow()}).code, 0);
  fill(0);
  expect_all_to_be_seen(in_it);
  const Finished freed = in_it({"gc"});
  EXPECT_EQ(freed.code, 0) << freed.err;
}

TEST_F(Disk, ThatMayOnlyBeReadHidesNothing) {
  const auto in_it = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"--workspace", (disk() / "workspace").string()});
    return run(words);
  };
  ASSERT_EQ(in_it({"run", flow()}).code, 0);
  make_read_only();
  expect_all_to_be_seen(in_it);
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"run", flow()}, {"gc"}, {"retry", "r1", "--from", "first"}}) {
    const Finished refused = in_it(words);
    EXPECT_EQ(refused.code, 1) << words[0];
    EXPECT_NE(refused.err.find("Read-only file system"), std::string::npos) << refused.err;
  }
}

TEST_F(Disk, ThatMayOnlyBeReadStillGivesResultsAndRefusesRuns) {
  const std::string store = (disk() / "store").string();
  ASSERT_EQ(presswork({"run", flow(), "--store", store}).code, 0);
  make_read_only();
  EXPECT_EQ(presswork({"status", "r1"}).code, 0);
  EXPECT_EQ(presswork({"checkpoints", "r1"}).code, 0);
  EXPECT_EQ(presswork({"export", "r1", "first", "text", "out.txt"}).code, 0);
  EXPECT_FALSE(slurp(folder.path() / "out.txt").empty());
  EXPECT_EQ(presswork({"verify"}).code, 0);
  EXPECT_EQ(presswork({"gc"}).code, 1);
  const std::string other = file("other.yaml",
                                 "presswork: 1\nname: other\nstages:\n"
                                 "  new: {uses: test/echo, with: {value: 9}}\n");
  const Finished refused = presswork({"run", other});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE((refused.out + refused.err).find("Read-only file system"), std::string::npos) << refused.err;
  for (const auto& run : presswork({"runs", "--json"}).list("runs")) EXPECT_NE(run["state"], "running");
}

}  // namespace
}  // namespace presswork::testing
