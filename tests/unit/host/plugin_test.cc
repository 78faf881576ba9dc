#include "orchestrator/host/plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace presswork::host {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

int32_t describe(const pw_sink*) { return PW_OK; }
int32_t create(const pw_context*, void**) { return PW_OK; }
int32_t run(void*, const pw_context*) { return PW_OK; }
void destroy(void*) {}

class CheckPluginTest : public ::testing::Test {
 protected:
  std::string refusal() const {
    const auto failure = check_plugin(&plugin_, "/plugins/p.so");
    if (!failure) return "accepted";
    EXPECT_EQ(failure->code, "plugin_refused");
    EXPECT_THAT(failure->message, HasSubstr("/plugins/p.so"));
    EXPECT_NE(failure->hint, "");
    return failure->message;
  }

  pw_stage stage_ = {sizeof(pw_stage), 0, "a/b", describe, create, nullptr, run, nullptr, destroy};
  const pw_stage* stages_[2] = {&stage_, &stage_};
  pw_plugin plugin_ = {sizeof(pw_plugin), PW_ABI_MAJOR, PW_ABI_MINOR, 0, 0, 1, "name", "1.0.0", stages_};
};

TEST_F(CheckPluginTest, a_sound_plugin_is_accepted) { EXPECT_EQ(refusal(), "accepted"); }

TEST_F(CheckPluginTest, a_plugin_of_a_newer_minor_version_is_accepted) {
  plugin_.abi_minor = PW_ABI_MINOR + 5;
  plugin_.struct_size += 16;
  stage_.struct_size += 8;
  EXPECT_EQ(refusal(), "accepted");
}

TEST_F(CheckPluginTest, a_stage_without_state_needs_neither_create_nor_destroy) {
  stage_.create = nullptr;
  stage_.destroy = nullptr;
  EXPECT_EQ(refusal(), "accepted");
}

TEST_F(CheckPluginTest, another_major_version_is_refused_with_both_versions) {
  plugin_.abi_major = 2;
  plugin_.abi_minor = 7;
  plugin_.struct_size = 8;  // nothing behind the versions is looked at
  EXPECT_THAT(refusal(), AllOf(HasSubstr("2.7"), HasSubstr("1.0")));
}

TEST_F(CheckPluginTest, a_plugin_that_needs_a_newer_host_is_refused_with_both_versions) {
  plugin_.abi_minor = PW_ABI_MINOR + 4;
  plugin_.min_host_minor = PW_ABI_MINOR + 3;
  EXPECT_THAT(refusal(), AllOf(HasSubstr("at least 1.3"), HasSubstr("speaks 1.0")));
}

TEST_F(CheckPluginTest, a_null_table_is_refused) {
  EXPECT_THAT(check_plugin(nullptr, "p")->message, HasSubstr("null pointer"));
}

TEST_F(CheckPluginTest, structs_smaller_than_version_1_0_are_refused) {
  plugin_.struct_size = 4;
  EXPECT_THAT(refusal(), HasSubstr("struct_size 4"));
  plugin_.struct_size = sizeof(pw_plugin) - 1;
  EXPECT_THAT(refusal(), HasSubstr("struct_size"));
  plugin_.struct_size = sizeof(pw_plugin);
  stage_.struct_size = 0;
  EXPECT_THAT(refusal(), HasSubstr("struct_size 0"));
}

TEST_F(CheckPluginTest, null_entries_are_refused_by_name) {
  stage_.describe = nullptr;
  EXPECT_THAT(refusal(), AllOf(HasSubstr("a/b"), HasSubstr("describe")));
  stage_.describe = describe;
  stage_.run = nullptr;
  EXPECT_THAT(refusal(), HasSubstr("run"));
  stage_.run = run;
  stage_.destroy = nullptr;
  EXPECT_THAT(refusal(), HasSubstr("destroy"));
  stage_.id = nullptr;
  EXPECT_THAT(refusal(), HasSubstr("no id"));
  stages_[0] = nullptr;
  EXPECT_THAT(refusal(), HasSubstr("stage 0"));
}

TEST_F(CheckPluginTest, a_plugin_without_name_or_stages_is_refused) {
  plugin_.name = nullptr;
  EXPECT_THAT(refusal(), HasSubstr("name"));
  plugin_.name = "name";
  plugin_.stage_count = 0;
  EXPECT_THAT(refusal(), HasSubstr("no stage"));
  plugin_.stage_count = 1;
  plugin_.stages = nullptr;
  EXPECT_THAT(refusal(), HasSubstr("no stage"));
}

TEST_F(CheckPluginTest, two_stages_of_one_id_are_refused) {
  plugin_.stage_count = 2;
  EXPECT_THAT(refusal(), HasSubstr("twice"));
}

TEST_F(CheckPluginTest, a_stage_is_found_by_its_id) {
  EXPECT_EQ(find_stage(plugin_, "a/b"), &stage_);
  EXPECT_EQ(find_stage(plugin_, "a/c"), nullptr);
}

}  // namespace
}  // namespace presswork::host
