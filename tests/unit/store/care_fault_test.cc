// Publication, garbage collection and repair together with the ledger: at every call to the file system and
// every change of the ledger a fault, or death. Never is there a checkpoint without its artifact; what is
// found damaged afterwards can be mended, and doing it again comes to where it would have come undisturbed.
#include <sqlite3.h>

#include <functional>
#include <random>

#include "orchestrator/base/hash.h"
#include "orchestrator/store/inspection.h"
#include "orchestrator/store/ledger_sqlite.h"
#include "orchestrator/store/retention.h"
#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

using base::Json;
using testing::FaultyFileSystem;
using testing::in_memory;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

// Each change is a call that may fail.
class FaultyLedger : public SqliteLedger {
 public:
  FaultyLedger(FaultyFileSystem& faults, const fs::path& file)
      : SqliteLedger(file.native(), SQLITE_OPEN_READWRITE), faults_(faults), file_(file) {
    set_up(file.native(), Mode::read_write);
  }
  using SqliteLedger::put;
  void begin(Durable durable = Durable::at_commit) override { pass(), SqliteLedger::begin(durable); }
  void commit() override { pass(), SqliteLedger::commit(); }
  void put(const InstanceRow& row) override { pass(), SqliteLedger::put(row); }
  std::int64_t put(const CheckpointRow& row) override { return pass(), SqliteLedger::put(row); }
  void forget_checkpoint(const CheckpointId& id) override { pass(), SqliteLedger::forget_checkpoint(id); }
  void forget_run(const std::string& run) override { pass(), SqliteLedger::forget_run(run); }

 private:
  void pass() { faults_.pass("write", file_); }

  FaultyFileSystem& faults_;
  const fs::path file_;
};

struct Fault {
  int error_number;
  bool for_good;
};

// A workspace of two parts, opened anew after each fault.
struct Place {
  explicit Place(const fs::path& folder) : root(folder) { Ledger::open(ledger()); }
  fs::path ledger() const { return root / "ledger.db"; }
  fs::path store() const { return root / "store"; }
  fs::path root;
};

struct Opened {
  Opened(const Place& place, FaultyFileSystem& files)
      : ledger(files, place.ledger()), artifacts(files, place.store()), root(place.root) {}

  // As a run does it: the checkpoint is committed once its artifact is published.
  void do_stage(const std::string& run, const std::string& key, const std::vector<std::string>& shards) {
    const fs::path out = root / "work" / key;
    for (std::size_t i = 0; i < shards.size(); ++i) {
      if (!fs::exists(out / std::to_string(i))) write_file(out / std::to_string(i), shards[i]);
    }
    const Artifact made = artifacts.publish(out);
    ledger.begin();
    try {
      ledger.put(
          InstanceRow{run, key, "test/work", "succeeded", "", key, Json::object(), Json::object(), "", ""});
      CheckpointRow row;
      row.key = key;
      row.uses = "test/work";
      row.outputs = {{"out", {"model", made.digest}}};
      row.metrics = Json::object();
      row.run = run;
      row.instance = key;
      ledger.put(row);
      ledger.commit();
    } catch (const base::Error&) {
      ledger.roll_back();
      throw;
    }
  }
  void cached(const std::string& run, const std::string& key) {
    ledger.put(InstanceRow{run, key, "test/work", "cached", "", key, Json::object(), Json::object(), "", ""});
  }
  std::string new_run() {
    return ledger.create_run({"", "flow", "succeeded", Json::object(), "2026", "", ""});
  }

  std::set<std::string> all() {
    std::set<std::string> digests = needed_artifacts(ledger);
    for (const std::string& digest : artifacts.artifacts()) digests.insert(digest);
    return digests;
  }
  Inspection look() { return inspect(artifacts, all()); }
  void mend() {
    Inspection found = look();
    repair(found, artifacts, {&ledger});
  }
  void collect(std::size_t keep_last) {
    Retention retention;
    retention.keep_last = keep_last;
    free_space(ledger, artifacts, forgettable(ledger, retention), {}, false);
    artifacts.sweep();
  }

  FaultyLedger ledger;
  ArtifactStore artifacts;
  fs::path root;
};

std::string digest_of(Ledger& ledger, const std::string& key) {
  return ledger.checkpoint(key)->outputs.at("out").digest;
}

// What there is, in one text: the latest checkpoints, and the files of the store but for those that it can
// make anew.
std::string state_of(Opened& opened) {
  std::string text;
  for (const CheckpointRow& row : opened.ledger.checkpoints()) {
    if (row.latest) text += "checkpoint " + row.key + "\n";
  }
  std::set<std::string> names;
  for (const char* kind : {"objects", "manifests", "references"}) {
    for (const auto& entry : fs::recursive_directory_iterator(opened.artifacts.root() / kind)) {
      if (entry.is_regular_file()) names.insert(entry.path().lexically_relative(opened.artifacts.root()));
    }
  }
  for (const std::string& name : names) text += name + "\n";
  return text;
}

void expect_no_checkpoint_without_artifact(Opened& opened) {
  for (const CheckpointRow& row : opened.ledger.checkpoints()) {
    for (const auto& [name, output] : row.outputs) {
      EXPECT_TRUE(opened.artifacts.contains(output.digest)) << "checkpoint " << row.key;
    }
  }
}

fs::path object_in(const Opened& opened, const std::string& text) {
  const std::string sha256 = base::sha256(text);
  return opened.artifacts.root() / "objects" / sha256.substr(0, 2) / sha256.substr(2);
}

void overwrite(const fs::path& path, const std::string& text) {
  fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

class StoreCareFaults : public ::testing::TestWithParam<Fault> {
 protected:
  using Act = std::function<void(Opened&)>;

  // r1 has a and b, which share a shard; r2 has a and c.
  static void fill(Opened& opened) {
    const std::string first = opened.new_run();
    opened.do_stage(first, "a", {"shared", "of a"});
    opened.do_stage(first, "b", {"shared", "of b"});
    const std::string second = opened.new_run();
    opened.cached(second, "a");
    opened.do_stage(second, "c", {"of c", "also of c"});
    for (const char* key : {"a", "b", "c"}) opened.artifacts.locate(digest_of(opened.ledger, key));
  }

  // `sound`: the operation may leave no damage at all behind, trees apart.
  void at_every_step(const Act& prepare, const Act& act, bool sound) {
    std::string undisturbed;
    for (int n = 0;; ++n) {  // 0: undisturbed
      SCOPED_TRACE("step " + std::to_string(n));
      ASSERT_LT(n, 1000);
      TempDir dir(in_memory());
      const Place place(dir.path());
      FaultyFileSystem files;
      {
        Opened opened(place, files);
        fill(opened);
        prepare(opened);
        if (n > 0) files.fail_at(n, GetParam().error_number, GetParam().for_good);
        try {
          act(opened);
        } catch (const base::Error& error) {
          EXPECT_TRUE(files.fired) << error.message;
        }
      }
      const bool fired = files.fired;
      files.work();
      Opened healthy(place, files);
      expect_no_checkpoint_without_artifact(healthy);
      for (const Finding& finding : healthy.look().findings) {
        EXPECT_TRUE(!sound || finding.damage.tree) << finding.damage.problem;
      }
      healthy.mend();
      EXPECT_TRUE(healthy.look().findings.empty()) << "mended is mended";
      expect_no_checkpoint_without_artifact(healthy);
      act(healthy);
      healthy.artifacts.sweep();
      if (n == 0) undisturbed = state_of(healthy);
      EXPECT_EQ(state_of(healthy), undisturbed);
      if (n > 0 && !fired) return;
    }
  }
};

TEST_P(StoreCareFaults, APublicationIsCommittedWholeOrNotAtAll) {
  at_every_step([](Opened&) {}, [](Opened& opened) { opened.do_stage("r2", "d", {"shared", "of d"}); }, true);
}

TEST_P(StoreCareFaults, GarbageCollectionLosesNothingThatIsNeeded) {
  at_every_step([](Opened&) {},
                [](Opened& opened) {
                  opened.collect(1);
                  for (const char* key : {"a", "c"}) {
                    ASSERT_TRUE(opened.ledger.checkpoint(key));
                    opened.artifacts.locate(digest_of(opened.ledger, key));
                  }
                },
                true);
}

TEST_P(StoreCareFaults, RepairForgetsBeforeItDiscards) {
  at_every_step(
      [](Opened& opened) {
        overwrite(object_in(opened, "shared"), "SHARED");
        write_file(opened.artifacts.root() / "trees" / digest_of(opened.ledger, "c") / "stray", "x");
      },
      [](Opened& opened) { opened.mend(); }, false);
}

TEST_P(StoreCareFaults, RepairOfADamagedManifest) {
  at_every_step(
      [](Opened& opened) {
        const std::string digest = digest_of(opened.ledger, "c");
        overwrite(opened.artifacts.root() / "manifests" / digest.substr(0, 2) / (digest.substr(2) + ".json"),
                  "{");
        fs::remove(object_in(opened, "of b"));
      },
      [](Opened& opened) { opened.mend(); }, false);
}

INSTANTIATE_TEST_SUITE_P(Kinds, StoreCareFaults,
                         ::testing::Values(Fault{ENOSPC, false}, Fault{EIO, false}, Fault{EIO, true}),
                         [](const auto& kind) {
                           return std::string(kind.param.error_number == ENOSPC ? "NoSpace" : "Io") +
                                  (kind.param.for_good ? "AndDeath" : "Once");
                         });

// Whatever order things happen in, with damage in between.
class RandomCare {
 public:
  explicit RandomCare(unsigned seed) : random_(seed), dir_(in_memory()), place_(dir_.path()) {}

  void step() {
    const bool faulty = pick(3) > 0;
    if (faulty) files_.fail_at(1 + pick(60), pick(2) ? EIO : ENOSPC, pick(2) == 0);
    try {
      Opened opened(place_, files_);
      act(opened);
    } catch (const base::Error& error) {
      EXPECT_TRUE(files_.fired || damaged_) << error.message;
    }
    files_.work();
    Opened healthy(place_, files_);
    expect_no_checkpoint_without_artifact(healthy);
    for (const Finding& finding : healthy.look().findings) {
      EXPECT_TRUE(damaged_ || finding.damage.tree) << finding.damage.problem;
    }
  }

  void conclude() {
    Opened healthy(place_, files_);
    healthy.mend();
    EXPECT_TRUE(healthy.look().findings.empty());
    healthy.collect(2);
    const auto needed = needed_artifacts(healthy.ledger);
    EXPECT_EQ(std::set<std::string>(needed), healthy.all()) << "all that is needed, and nothing else";
    EXPECT_TRUE(healthy.look().findings.empty());
    EXPECT_EQ(healthy.ledger.check(), "");
  }

 private:
  int pick(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }

  void act(Opened& opened) {
    switch (pick(5)) {
      case 0:
        opened.collect(static_cast<std::size_t>(1 + pick(3)));
        return;
      case 1:
        opened.mend();
        damaged_ = false;
        return;
      case 2:
        if (pick(3) == 0) damage();
        return;
      default:
        do_stage(opened);
    }
  }

  void do_stage(Opened& opened) {
    if (run_.empty() || !opened.ledger.run(run_) || pick(4) == 0) run_ = opened.new_run();
    std::vector<std::string> shards;
    for (int i = 0, count = 1 + pick(3); i < count; ++i)
      shards.push_back("shard " + std::to_string(pick(12)));
    std::string key = "k";
    for (const std::string& shard : shards) key += shard.substr(5);
    if (opened.ledger.checkpoint(key)) return opened.cached(run_, key);
    opened.do_stage(run_, key, shards);
    if (pick(2) == 0) opened.artifacts.locate(digest_of(opened.ledger, key));
  }

  void damage() {
    std::vector<fs::path> objects;
    for (const auto& entry : fs::recursive_directory_iterator(place_.store() / "objects")) {
      if (entry.is_regular_file()) objects.push_back(entry.path());
    }
    if (objects.empty()) return;
    std::sort(objects.begin(), objects.end());
    const fs::path object = objects[static_cast<std::size_t>(pick(static_cast<int>(objects.size())))];
    damaged_ = true;
    if (pick(2) == 0) {
      fs::remove(object);
    } else {
      overwrite(object, pick(2) == 0 ? "damaged!" : "");
    }
  }

  std::mt19937 random_;
  TempDir dir_;
  Place place_;
  FaultyFileSystem files_;
  std::string run_;
  bool damaged_ = false;
};

TEST(StoreCareAtRandom, NeverLosesWhatACheckpointNames) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomCare care(seed);
    for (int i = 0; i < 20 && !::testing::Test::HasFailure(); ++i) care.step();
    care.conclude();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace presswork::store
