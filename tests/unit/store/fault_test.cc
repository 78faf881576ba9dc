// Every call to the file system fails once, and every call is once the last one before death: afterwards the
// store shows the whole artifact or nothing of it, and doing it again succeeds.
#include <functional>

#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

using testing::FaultyFileSystem;
using testing::in_memory;
using testing::MapMemo;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

struct Fault {
  int error_number;
  bool for_good;
};

class StoreFaults : public ::testing::TestWithParam<Fault> {
 protected:
  // Runs `action` on a fresh store again and again, failing at the next call each time, until it gets through
  // without meeting the fault; `after` then looks, with a store on a healthy file system.
  void at_every_call(const std::function<void(ArtifactStore&, const fs::path&)>& prepare,
                     const std::function<void(ArtifactStore&, const fs::path&)>& action,
                     const std::function<void(ArtifactStore&, const fs::path&, bool)>& after) {
    for (int n = 1;; ++n) {
      SCOPED_TRACE("call " + std::to_string(n));
      ASSERT_LT(n, 1000);
      TempDir dir(in_memory());
      FaultyFileSystem file_system;
      bool threw = false;
      bool fired = false;
      {
        ArtifactStore store(file_system, dir.path() / "store");
        prepare(store, dir.path());
        file_system.fail_at(n, GetParam().error_number, GetParam().for_good);
        try {
          action(store, dir.path());
        } catch (const base::Error& error) {
          threw = true;
          EXPECT_EQ(error.code,
                    GetParam().error_number == ENOSPC ? base::ErrorCode::no_space : base::ErrorCode::io);
        }
        fired = file_system.fired;
      }
      ArtifactStore healthy(base::real_file_system(), dir.path() / "store");
      after(healthy, dir.path(), threw);
      healthy.sweep();
      const fs::path tmp = dir.path() / "store/tmp";
      EXPECT_LE(std::distance(fs::directory_iterator(tmp), fs::directory_iterator()), 1) << "healthy's own";
      if (!fired) return;
    }
  }

  static void produce(const fs::path& dir) {
    write_file(dir / "out/a", "first");
    write_file(dir / "out/sub/b", "second");
    write_file(dir / "out/sub/twin", "first");
    write_file(dir / "own", "linked");
    fs::remove(dir / "out/linked");
    fs::create_hard_link(dir / "own", dir / "out/linked");
  }

  static void expect_whole(ArtifactStore& store, const std::string& digest) {
    EXPECT_TRUE(store.verify(digest, true).empty());
    const fs::path tree = store.locate(digest);
    EXPECT_EQ(read_file(tree / "a"), "first");
    EXPECT_EQ(read_file(tree / "sub/b"), "second");
    EXPECT_EQ(read_file(tree / "sub/twin"), "first");
    EXPECT_EQ(read_file(tree / "linked"), "linked");
  }

  static std::string digest_of_produced() {
    TempDir dir(in_memory());
    ArtifactStore store(base::real_file_system(), dir.path() / "store");
    produce(dir.path());
    return store.publish(dir.path() / "out").digest;
  }
};

TEST_P(StoreFaults, PublishShowsAllOrNothingAndCanBeRepeated) {
  const std::string digest = digest_of_produced();
  at_every_call([](ArtifactStore&, const fs::path& dir) { produce(dir); },
                [](ArtifactStore& store, const fs::path& dir) { store.publish(dir / "out"); },
                [&](ArtifactStore& store, const fs::path& dir, bool threw) {
                  if (store.contains(digest)) expect_whole(store, digest);
                  EXPECT_TRUE(threw || store.contains(digest));
                  if (threw) {
                    EXPECT_EQ(store.publish(dir / "out").digest, digest);
                  }
                  expect_whole(store, digest);
                });
}

TEST_P(StoreFaults, LocateNeverGivesHalfATree) {
  const std::string digest = digest_of_produced();
  at_every_call(
      [](ArtifactStore& store, const fs::path& dir) {
        produce(dir);
        const fs::path tree = store.locate(store.publish(dir / "out").digest);
        fs::remove(tree / "a");
      },
      [&](ArtifactStore& store, const fs::path&) { store.locate(digest); },
      [&](ArtifactStore& store, const fs::path&, bool) {
        for (const Damage& damage : store.verify(digest, true)) {
          EXPECT_TRUE(damage.tree) << "of the lost file at most: " << damage.problem;
        }
        store.locate(digest);
        expect_whole(store, digest);
      });
}

TEST_P(StoreFaults, ReferenceShowsAllOrNothingAndCanBeRepeated) {
  MapMemo memo;
  std::string digest;
  {
    TempDir dir(in_memory());
    produce(dir.path());
    digest = ArtifactStore(base::real_file_system(), dir.path() / "store")
                 .digest_of(dir.path() / "out", memo, true);
  }
  at_every_call([](ArtifactStore&, const fs::path& dir) { produce(dir); },
                [&](ArtifactStore& store, const fs::path& dir) { store.reference(dir / "out", memo, true); },
                [&](ArtifactStore& store, const fs::path& dir, bool) {
                  if (store.contains(digest)) {
                    EXPECT_EQ(store.locate(digest), dir / "out");
                  }
                  EXPECT_EQ(store.reference(dir / "out", memo, true).digest, digest);
                  EXPECT_EQ(store.locate(digest), dir / "out");
                });
}

TEST_P(StoreFaults, ExportMakesAllOrNothing) {
  const std::string digest = digest_of_produced();
  at_every_call(
      [](ArtifactStore& store, const fs::path& dir) {
        produce(dir);
        store.publish(dir / "out");
      },
      [&](ArtifactStore& store, const fs::path& dir) { store.export_to(digest, dir / "copy"); },
      [&](ArtifactStore& store, const fs::path& dir, bool threw) {
        EXPECT_NE(threw, fs::exists(dir / "copy"));
        if (threw) store.export_to(digest, dir / "copy");
        EXPECT_EQ(read_file(dir / "copy/sub/twin"), "first");
      });
}

TEST_P(StoreFaults, DiscardLeavesNothingVisibleOrCanBeRepeated) {
  const std::string digest = digest_of_produced();
  at_every_call(
      [](ArtifactStore& store, const fs::path& dir) {
        produce(dir);
        store.locate(store.publish(dir / "out").digest);
      },
      [&](ArtifactStore& store, const fs::path&) { store.discard(digest); },
      [&](ArtifactStore& store, const fs::path& dir, bool) {
        store.discard(digest);
        EXPECT_FALSE(store.contains(digest));
        produce(dir);
        EXPECT_EQ(store.publish(dir / "out").digest, digest);
        expect_whole(store, digest);
      });
}

TEST_P(StoreFaults, TheLayoutIsCompletedByTheNextWhoOpensTheStore) {
  TempDir dir(in_memory());
  for (int n = 1; n < 20; ++n) {
    FaultyFileSystem file_system;
    file_system.fail_at(n, GetParam().error_number, GetParam().for_good);
    const fs::path root = dir.path() / std::to_string(n);
    try {
      ArtifactStore broken(file_system, root);
    } catch (const base::Error&) {
    }
    ArtifactStore store(base::real_file_system(), root);
    write_file(dir.path() / "out", "x");
    EXPECT_EQ(read_file(store.locate(store.publish(dir.path() / "out").digest)), "x");
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, StoreFaults,
                         ::testing::Values(Fault{ENOSPC, false}, Fault{EIO, false}, Fault{EIO, true}),
                         [](const auto& kind) {
                           return std::string(kind.param.error_number == ENOSPC ? "NoSpace" : "Io") +
                                  (kind.param.for_good ? "AndDeath" : "Once");
                         });

}  // namespace
}  // namespace presswork::store
