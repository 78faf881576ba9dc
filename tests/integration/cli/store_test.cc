// verify, gc and shared stores, from outside.
#include <map>
#include <thread>

#include "command.h"

namespace presswork::testing {
namespace {

namespace fs = std::filesystem;

class StoreCare : public Command {
 protected:
  std::string flow(const std::string& name, int value) const {
    return file(name + std::to_string(value) + ".yaml",
                "presswork: 1\nname: " + name +
                    "\nstages:\n  first: {uses: test/echo, with: {value: " + std::to_string(value) +
                    "}}\n  second: {uses: test/echo, inputs: {model: first.text}, with: {value: 2}}\n");
  }
  fs::path store() const { return workspace() / "store"; }

  // The object that an instance's output consists of.
  fs::path object_of(const std::string& run, const std::string& instance) const {
    for (const auto& row : presswork({"checkpoints", run, "--json"}).list("checkpoints")) {
      if (row["instance"] != instance) continue;
      const std::string digest = row["outputs"]["text"]["digest"];
      const base::Json manifest = base::Json::parse(
          slurp(store() / "manifests" / digest.substr(0, 2) / (digest.substr(2) + ".json")));
      const std::string sha256 = manifest["files"][0]["sha256"];
      return store() / "objects" / sha256.substr(0, 2) / sha256.substr(2);
    }
    return {};
  }
  static void flip_bit(const fs::path& path) {
    fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
    std::string text = slurp(path);
    text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
    std::ofstream(path, std::ios::binary) << text;
  }
  std::size_t count(const fs::path& folder_to_count) const {
    std::size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_to_count))
      files += entry.is_regular_file();
    return files;
  }
};

TEST_F(StoreCare, VerifyFindsASoundStoreSound) {
  ASSERT_EQ(presswork({"run", flow("a", 1)}).code, 0);
  const Finished sound = presswork({"verify"});
  EXPECT_EQ(sound.code, 0) << sound.out << sound.err;
  EXPECT_NE(sound.out.find("2 artifacts"), std::string::npos) << sound.out;
  EXPECT_EQ(presswork({"verify", "r1", "--json"}).json()["sound"], true);
}

TEST_F(StoreCare, VerifyNamesAFlippedBitAndTheStageThatWouldRebuildIt) {
  ASSERT_EQ(presswork({"run", flow("a", 1)}).code, 0);
  ASSERT_EQ(presswork({"run", flow("a", 1)}).code, 0);
  const fs::path object = object_of("r1", "second");
  flip_bit(object);
  const Finished damaged = presswork({"verify"});
  EXPECT_EQ(damaged.code, 1);
  const std::string sha256 = object.parent_path().filename().string() + object.filename().string();
  EXPECT_NE(damaged.out.find("damaged object " + sha256), std::string::npos) << damaged.out;
  EXPECT_NE(damaged.out.find("output text of second (test/echo), made in r1, used by r2, r1"),
            std::string::npos)
      << damaged.out;
  const base::Json json = presswork({"verify", "r2", "--json"}).json();
  EXPECT_EQ(json["sound"], false);
  EXPECT_EQ(json["damaged"][0]["object"], sha256);
  EXPECT_EQ(json["damaged"][0]["rebuilt_by"][0]["instance"], "second");
}

TEST_F(StoreCare, DoctorFindsAFlippedBitAndItsAdviceMendsIt) {
  ASSERT_EQ(presswork({"run", flow("a", 1)}).code, 0);
  const auto finding = [&] {
    base::Json found;
    for (const base::Json& check : presswork({"doctor", "--json"}).list("checks")) {
      if (check["subject"] == "store") found = check;
    }
    return found;
  };
  EXPECT_EQ(finding()["state"], "ok");
  const fs::path object = object_of("r1", "second");
  flip_bit(object);
  const base::Json damaged = finding();
  EXPECT_EQ(damaged["state"], "fail");
  EXPECT_NE(damaged["finding"].get<std::string>().find("has other contents"), std::string::npos) << damaged;
  EXPECT_NE(damaged["advice"].get<std::string>().find("presswork verify --repair"), std::string::npos);
  ASSERT_EQ(presswork({"verify", "--repair"}).code, 0);
  ASSERT_EQ(presswork({"run", flow("a", 1)}).code, 0);
  EXPECT_EQ(finding()["state"], "ok");
}

TEST_F(StoreCare, DoctorTellsOfADamagedLedgerOnce) {
  ASSERT_EQ(presswork({"run", flow("a", 1)}).code, 0);
  fs::resize_file(workspace() / "ledger.db", 20);
  const Finished doctor = presswork({"doctor", "--json"});
  EXPECT_EQ(doctor.code, 1);
  std::vector<std::string> failed;
  for (const base::Json& check : doctor.list("checks")) {
    if (check["state"] == "fail") failed.push_back(check["subject"]);
  }
  EXPECT_EQ(failed, std::vector<std::string>{"ledger"}) << doctor.out;
}

TEST_F(StoreCare, RepairForgetsWhatIsLostAndTheNextRunMakesItAnew) {
  ASSERT_EQ(presswork({"run", flow("a", 1)}).code, 0);
  const fs::path object = object_of("r1", "second");
  const std::string before = slurp(object);
  flip_bit(object);
  const Finished repaired = presswork({"verify", "--repair"});
  EXPECT_EQ(repaired.code, 0) << repaired.out << repaired.err;
  EXPECT_NE(repaired.out.find("run the workflow again"), std::string::npos) << repaired.out;
  EXPECT_FALSE(fs::exists(object));
  EXPECT_EQ(presswork({"verify"}).code, 0);
  const Finished gone = presswork({"export", "r1", "second", "text", "out.txt"});
  EXPECT_EQ(gone.code, 2);
  EXPECT_NE(gone.err.find("retry r1 --from second"), std::string::npos) << gone.err;
  EXPECT_EQ(presswork({"checkpoints", "--json"}).json()["lost"], base::Json{"second"});
  EXPECT_NE(presswork({"status"}).out.find("has been discarded"), std::string::npos);
  std::map<std::string, std::string> states;
  for (const auto& stage : presswork({"run", flow("a", 1), "--json"}).list("stages")) {
    states[stage["id"]] = stage["state"];
  }
  EXPECT_EQ(states, (std::map<std::string, std::string>{{"first", "cached"}, {"second", "succeeded"}}));
  EXPECT_EQ(slurp(object), before);
}

TEST_F(StoreCare, RepairMakesATreeAnewFromSoundObjects) {
  ASSERT_EQ(presswork({"run", flow("a", 1)}).code, 0);
  const Finished status = presswork({"status", "r1", "--json"});  // makes the trees
  const fs::path tree = status.json()["stages"][0]["outputs"]["text"]["path"].get<std::string>();
  std::ofstream(tree.parent_path() / "stray") << "x";
  const Finished damaged = presswork({"verify"});
  EXPECT_EQ(damaged.code, 1);
  EXPECT_NE(damaged.out.find("files were added or removed"), std::string::npos) << damaged.out;
  EXPECT_EQ(presswork({"verify", "--repair"}).code, 0);
  EXPECT_FALSE(fs::exists(tree.parent_path() / "stray"));
  EXPECT_TRUE(fs::exists(tree));
  EXPECT_EQ(presswork({"checkpoints", "r1", "--json"}).json()["checkpoints"].size(), 2u)
      << "nothing is forgotten";
}

TEST_F(StoreCare, VerifyReportsADamagedLedger) {
  ASSERT_EQ(presswork({"run", flow("a", 1)}).code, 0);
  const fs::path ledger = workspace() / "ledger.db";
  fs::resize_file(ledger, 4096);
  fs::remove(workspace() / "ledger.db-wal");
  fs::remove(workspace() / "ledger.db-shm");
  const Finished damaged = presswork({"verify"});
  EXPECT_EQ(damaged.code, 1);
  EXPECT_NE((damaged.out + damaged.err).find("damaged"), std::string::npos) << damaged.out << damaged.err;
}

TEST_F(StoreCare, GcForgetsOldRunsAndFreesWhatOnlyTheyHad) {
  for (const int value : {1, 2, 3}) ASSERT_EQ(presswork({"run", flow("a", value)}).code, 0);
  ASSERT_EQ(presswork({"run", flow("b", 3)}).code, 0);  // shares first and second with the third
  const std::size_t before = count(store() / "objects");
  EXPECT_EQ(presswork({"gc"}).code, 0);
  EXPECT_EQ(count(store() / "objects"), before) << "without a rule no run is forgotten";

  const Finished dry = presswork({"gc", "--keep-last", "1", "--dry-run", "--json"});
  EXPECT_EQ(dry.json()["runs"], (base::Json{"r1", "r2"})) << dry.out << dry.err;
  EXPECT_EQ(presswork({"runs", "--json"}).json()["runs"].size(), 4u);

  const Finished freed = presswork({"gc", "--keep-last", "1", "--json"});
  EXPECT_EQ(freed.json()["runs"], dry.json()["runs"]);
  EXPECT_EQ(freed.json()["bytes"], dry.json()["bytes"]);
  EXPECT_EQ(freed.json()["artifacts"], 4);
  EXPECT_EQ(presswork({"runs", "--json"}).json()["runs"].size(), 2u);
  EXPECT_FALSE(fs::exists(workspace() / "runs/r1"));
  EXPECT_EQ(presswork({"verify"}).code, 0);
  for (const auto& stage : presswork({"run", flow("a", 3), "--json"}).list("stages")) {
    EXPECT_EQ(stage["state"], "cached") << stage;
  }
  for (const auto& stage : presswork({"run", flow("a", 1), "--json"}).list("stages")) {
    EXPECT_EQ(stage["state"], "succeeded") << stage;
  }
}

TEST_F(StoreCare, GcForgetsByAgeAndRefusesWhatIsNoTime) {
  ASSERT_EQ(presswork({"run", flow("a", 1)}).code, 0);
  EXPECT_EQ(presswork({"gc", "--before", "1d", "--json"}).json()["runs"].size(), 0u);
  for (const char* no_time : {"yesterday", "2026-02-30", "2026-13-01", "2026-01-31T24:00", "26-01-31", ""}) {
    EXPECT_EQ(presswork({"gc", "--before", no_time}).code, 2) << no_time;
  }
  EXPECT_EQ(presswork({"gc", "--before", "2999-01-01", "--json"}).json()["runs"].size(), 1u);
}

TEST_F(StoreCare, GcKeepsARunThatCanBeResumed) {
  const std::string failing =
      file("failing.yaml",
           "presswork: 1\nname: f\nstages:\n"
           "  good: {uses: test/echo}\n"
           "  bad: {uses: test/echo, inputs: {model: good.text}, with: {fail: broken}}\n");
  EXPECT_EQ(presswork({"run", failing}).code, 1);
  EXPECT_EQ(presswork({"gc", "--keep-last", "0", "--json"}).json()["runs"].size(), 0u);
  std::map<std::string, std::string> states;
  for (const auto& stage : presswork({"resume", "r1", "--json"}).list("stages")) {
    states[stage["id"]] = stage["state"];
  }
  EXPECT_EQ(states["good"], "succeeded");
  EXPECT_EQ(presswork({"gc", "--keep-last", "0", "--failed", "--json"}).json()["runs"].size(), 1u);
  EXPECT_EQ(count(store() / "objects"), 0u);
}

class SharedStoreCare : public StoreCare {
 protected:
  // The workspace of the fixture and another one, on one store.
  Finished other(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(),
                     {"--workspace", (folder.path() / "other").string(), "--plugin-path", kTestPlugins});
    std::vector<std::string> words = {
        "/bin/sh", "-c", "cd \"$1\" && shift && exec \"$@\" >out 2>err", "sh", folder.path().string(),
        kPresswork};
    words.insert(words.end(), arguments.begin(), arguments.end());
    Finished finished;
    finished.code = run_to_end(words);
    finished.out = slurp(folder.path() / "out");
    finished.err = slurp(folder.path() / "err");
    return finished;
  }
  std::string shared() const { return (folder.path() / "shared").string(); }
};

TEST_F(SharedStoreCare, GcKeepsWhatTheOtherWorkspaceNeeds) {
  ASSERT_EQ(presswork({"run", flow("a", 1), "--store", shared()}).code, 0);
  ASSERT_EQ(other({"run", flow("a", 1), "--store", shared()}).code, 0);
  EXPECT_EQ(count(fs::path(shared()) / "objects"), 2u) << "both have them, they are there once";
  const Finished freed = presswork({"gc", "--keep-last", "0", "--json"});
  EXPECT_EQ(freed.json()["runs"].size(), 1u) << freed.err;
  EXPECT_EQ(freed.json()["artifacts"], 0);
  const Finished verified = other({"verify"});
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
  fs::remove_all(folder.path() / "other");
  const Finished refused = presswork({"gc"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("--forget-missing"), std::string::npos) << refused.err;
  EXPECT_EQ(count(fs::path(shared()) / "objects"), 2u) << "its disk may not be mounted";
  EXPECT_EQ(presswork({"gc", "--forget-missing", "--json"}).json()["artifacts"], 2);
  EXPECT_EQ(count(fs::path(shared()) / "objects"), 0u);
}

TEST_F(SharedStoreCare, GcWaitsForNobodyAndHarmsNoRunOfTheOtherWorkspace) {
  ASSERT_EQ(presswork({"run", flow("a", 1), "--store", shared()}).code, 0);
  const std::string slow = file("slow.yaml",
                                "presswork: 1\nname: slow\nstages:\n"
                                "  slow: {uses: test/echo, with: {milliseconds: 60000}}\n");
  const fs::path log = folder.path() / "log";
  const pid_t pid = spawn({kPresswork, "run", slow, "--store", shared(), "--workspace",
                           (folder.path() / "other").string(), "--plugin-path", kTestPlugins},
                          log);
  while (slurp(log).find("slow started") == std::string::npos) usleep(5'000);
  const Finished refused = presswork({"gc", "--keep-last", "0"});
  EXPECT_EQ(refused.code, 4) << refused.out;
  EXPECT_NE(refused.err.find("in use by a run"), std::string::npos) << refused.err;
  EXPECT_EQ(presswork({"runs", "--json"}).json()["runs"].size(), 1u) << "nothing was forgotten";
  ::kill(pid, SIGTERM);
  EXPECT_EQ(wait_for(pid), 143);
}

TEST_F(SharedStoreCare, RepairForgetsInBothWorkspacesWhatBothHad) {
  ASSERT_EQ(presswork({"run", flow("a", 1), "--store", shared()}).code, 0);
  ASSERT_EQ(other({"run", flow("a", 1), "--store", shared()}).code, 0);
  flip_bit(object_of("r1", "second"));
  const Finished damaged = presswork({"verify"});
  EXPECT_NE(damaged.out.find("workspace " + (folder.path() / "other").string()), std::string::npos)
      << damaged.out;
  EXPECT_EQ(presswork({"verify", "--repair"}).code, 0);
  const Finished verified = other({"verify"});
  EXPECT_EQ(verified.code, 0) << verified.out;
  EXPECT_EQ(other({"checkpoints", "--json"}).json()["lost"], base::Json{"second"});
  EXPECT_EQ(other({"run", flow("a", 1)}).code, 0);
  EXPECT_EQ(other({"checkpoints", "r1", "--json"}).json()["checkpoints"].size(), 2u) << "it is known again";
}

// However they fall together: gc waits for nobody, a run that meets it ends with 4, and nothing is harmed.
TEST_F(SharedStoreCare, GcAndRunsAtOnceHarmNothing) {
  ASSERT_EQ(presswork({"run", flow("a", 1), "--store", shared()}).code, 0);
  const std::string busy = (folder.path() / "other").string();
  std::vector<std::string> flows;
  for (int i = 0; i < 6; ++i) flows.push_back(flow("b", i));
  std::thread runs([&] {
    for (const std::string& each : flows) {
      const pid_t pid = spawn(
          {kPresswork, "run", each, "--store", shared(), "--workspace", busy, "--plugin-path", kTestPlugins},
          folder.path() / "runs.log");
      const int code = wait_for(pid);
      EXPECT_TRUE(code == 0 || code == 4) << code << slurp(folder.path() / "runs.log");
    }
  });
  for (int i = 0; i < 12; ++i) {
    const Finished collected = presswork({"gc", "--keep-last", "1"});
    EXPECT_TRUE(collected.code == 0 || collected.code == 4) << collected.code << collected.err;
  }
  runs.join();
  EXPECT_EQ(presswork({"verify"}).code, 0);
  const Finished verified = other({"verify"});
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
  for (const auto& run : other({"runs", "--json"}).list("runs")) EXPECT_EQ(run["state"], "succeeded");
}

TEST_F(SharedStoreCare, GcRemovesNothingWhenAnotherLedgerCannotBeRead) {
  ASSERT_EQ(presswork({"run", flow("a", 1), "--store", shared()}).code, 0);
  ASSERT_EQ(other({"run", flow("a", 2), "--store", shared()}).code, 0);
  std::ofstream(folder.path() / "other/ledger.db") << "no database at all, but long enough to look at";
  const std::size_t before = count(fs::path(shared()) / "objects");
  EXPECT_EQ(presswork({"gc", "--keep-last", "0"}).code, 1);
  EXPECT_EQ(count(fs::path(shared()) / "objects"), before);
  EXPECT_EQ(presswork({"runs", "--json"}).json()["runs"].size(), 1u) << "nothing was forgotten either";
}

}  // namespace
}  // namespace presswork::testing
