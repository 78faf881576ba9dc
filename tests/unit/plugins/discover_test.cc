#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <set>

#include "orchestrator/base/hash.h"
#include "orchestrator/plugins/catalogue.h"
#include "support/child.h"

namespace presswork::plugins {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DiscoverTest : public ::testing::Test {
 protected:
  DiscoverTest() {
    fs::create_directories(first_);
    fs::create_directories(second_);
  }

  static fs::path built(const std::string& name) { return fs::path(PRESSWORK_BINARY_DIR) / "tests" / name; }
  void install(const std::string& name, const fs::path& folder) {
    fs::copy_file(built(name), folder / fs::path(name).filename());
  }
  Discovery discover_all() { return discover({first_, second_}, cache_, *executor_); }

  testing::TemporaryFolder folder_;
  fs::path first_ = folder_.path() / "first", second_ = folder_.path() / "second";
  fs::path cache_ = folder_.path() / "cache" / "plugins.json";
  std::unique_ptr<executor::Executor> executor_ = executor::make_local_executor(
      fs::path(PRESSWORK_BINARY_DIR) / "bin" / "presswork-host", base::system_clock());
};

TEST_F(DiscoverTest, plugins_are_found_and_described_without_loading_them_here) {
  install("plugins/test-noop.so", first_);
  install("plugins/test-echo.so", second_);
  const Discovery found = discover_all();
  EXPECT_THAT(found.problems, IsEmpty());
  EXPECT_EQ(found.described, 2u);
  EXPECT_THAT(found.catalogue->ids(), ElementsAre("test/echo", "test/noop"));
  const StageDescription& echo = *found.catalogue->find("test/echo");
  EXPECT_EQ(echo.plugin, fs::canonical(second_ / "test-echo.so"));
  EXPECT_EQ(echo.plugin_digest, base::sha256_file(second_ / "test-echo.so"));
  EXPECT_EQ(echo.plugin_name, "presswork-test-echo");
  EXPECT_EQ(echo.plugin_version, "0.1.0");
  EXPECT_EQ(echo.additional_inputs, "any");
  ASSERT_EQ(found.plugins.size(), 2u);
  EXPECT_EQ(found.plugins[0].abi, "1.0");
  EXPECT_THAT(found.plugins[0].stages, ElementsAre("test/noop"));
  EXPECT_EQ(found.catalogue->find("test/nothing"), nullptr);
}

TEST_F(DiscoverTest, the_second_time_everything_comes_from_the_cache) {
  install("plugins/test-echo.so", first_);
  const Discovery before = discover_all();
  const Discovery after = discover_all();
  EXPECT_EQ(after.described, 0u);
  EXPECT_EQ(after.catalogue->find("test/echo")->document, before.catalogue->find("test/echo")->document);
  EXPECT_EQ(after.catalogue->find("test/echo")->plugin_digest,
            before.catalogue->find("test/echo")->plugin_digest);
}

TEST_F(DiscoverTest, what_plugins_said_is_kept_where_there_is_a_place_only_later) {
  install("plugins/test-echo.so", first_);
  const Discovery before = discover({first_, second_}, "", *executor_);
  EXPECT_EQ(before.described, 1u);
  before.descriptions.save_as(cache_);
  EXPECT_EQ(discover_all().described, 0u);
}

TEST_F(DiscoverTest, a_plugin_that_was_replaced_is_asked_again) {
  install("plugins/test-echo.so", first_);
  discover_all();
  fs::remove(first_ / "test-echo.so");
  fs::copy_file(built("plugins/test-noop.so"), first_ / "test-echo.so");
  const Discovery after = discover_all();
  EXPECT_EQ(after.described, 1u);
  EXPECT_THAT(after.catalogue->ids(), ElementsAre("test/noop"));
}

// The first answer of each plugin is that its process was killed, as the kernel does for want of memory.
class KilledOnce : public executor::Executor {
 public:
  explicit KilledOnce(executor::Executor& real) : real_(real) {}
  void start(executor::StageRequest request) override { real_.start(std::move(request)); }
  executor::Batch poll(std::chrono::milliseconds timeout) override {
    executor::Batch batch = real_.poll(timeout);
    for (auto& news : batch) {
      auto* outcome = std::get_if<executor::Outcome>(&news);
      if (outcome == nullptr || !killed_.insert(outcome->token).second) continue;
      outcome->ending = executor::Ending::crashed;
      outcome->signal = SIGKILL;
    }
    return batch;
  }
  void cancel(std::uint64_t token) override { real_.cancel(token); }
  void kill(std::uint64_t token) override { real_.kill(token); }
  void wake() override { real_.wake(); }
  std::size_t running() const override { return real_.running(); }

 private:
  executor::Executor& real_;
  std::set<std::uint64_t> killed_;
};

TEST_F(DiscoverTest, a_plugin_whose_process_was_killed_is_asked_once_more) {
  install("plugins/test-echo.so", first_);
  install("plugins/test-noop.so", first_);
  KilledOnce executor(*executor_);
  const Discovery found = discover({first_, second_}, cache_, executor);
  EXPECT_THAT(found.problems, IsEmpty());
  EXPECT_THAT(found.catalogue->ids(), ElementsAre("test/echo", "test/noop"));
}

TEST_F(DiscoverTest, a_damaged_cache_is_ignored_and_repaired) {
  install("plugins/test-echo.so", first_);
  fs::create_directories(cache_.parent_path());
  for (const char* text : {"{\"format\": 1, \"plugins\": ", "[]", "{\"format\": \"x\"}", ""}) {
    std::ofstream(cache_) << text << std::flush;
    EXPECT_EQ(discover_all().described, 1u) << text;
    EXPECT_EQ(discover_all().described, 0u) << text;
  }
}

TEST_F(DiscoverTest, broken_plugins_are_problems_with_reasons_and_do_not_stop_the_others) {
  install("plugins/test-noop.so", first_);
  install("misbehaving-plugins/test-undefined_symbol.so", first_);
  install("misbehaving-plugins/test-wrong_abi.so", first_);
  std::ofstream(first_ / "text.so") << "no library";
  const Discovery found = discover_all();
  EXPECT_THAT(found.catalogue->ids(), ElementsAre("test/noop"));
  ASSERT_EQ(found.problems.size(), 3u);
  EXPECT_EQ(found.problems[0].code, "undefined_symbol");
  EXPECT_THAT(found.problems[0].message, HasSubstr("presswork_test_nobody_defines_this"));
  EXPECT_EQ(found.problems[1].code, "plugin_refused");
  EXPECT_THAT(found.problems[1].message, AllOf(HasSubstr("2.3"), HasSubstr("1.0")));
  EXPECT_EQ(found.problems[2].code, "plugin_refused");
  EXPECT_THAT(found.problems[2].message, HasSubstr("text.so"));
}

TEST_F(DiscoverTest, a_description_that_does_not_fit_its_stage_is_a_problem) {
  install("misbehaving-plugins/test-throws_across.so", first_);
  const Discovery found = discover_all();
  ASSERT_EQ(found.problems.size(), 1u);
  EXPECT_EQ(found.problems[0].code, "invalid_description");
  EXPECT_THAT(found.problems[0].message, HasSubstr("misbehaving/throws-across"));
}

TEST_F(DiscoverTest, where_two_plugins_offer_a_stage_the_first_folder_wins) {
  install("plugins/test-noop.so", first_);
  install("plugins/test-noop.so", second_);
  const Discovery found = discover_all();
  EXPECT_EQ(found.catalogue->find("test/noop")->plugin, fs::canonical(first_ / "test-noop.so"));
  ASSERT_EQ(found.problems.size(), 1u);
  EXPECT_EQ(found.problems[0].code, "duplicate_stage");
}

TEST_F(DiscoverTest, folders_that_do_not_exist_and_other_files_are_skipped) {
  std::ofstream(first_ / "README.md") << "not a plugin";
  fs::create_directories(second_ / "folder.so");
  const Discovery found = discover({folder_.path() / "nowhere", first_, second_, second_}, "", *executor_);
  EXPECT_THAT(found.catalogue->ids(), IsEmpty());
  EXPECT_THAT(found.problems, IsEmpty());
}

}  // namespace
}  // namespace presswork::plugins
