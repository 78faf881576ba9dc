#include "presswork/stage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <new>
#include <stdexcept>

#include "presswork/testing.hpp"

namespace presswork {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::StageRunner;

// Does what the parameter "act" says.
struct Actor : Stage {
  static constexpr const char* id = "test/actor";
  static Json describe() {
    return Json::parse(R"({"title": "Actor", "description": "Acts.",
      "parameters": {"type": "object", "additionalProperties": false, "properties": {
        "act": {"type": "string", "default": "", "description": "What to do."},
        "number": {"type": "number", "default": 2, "description": "A number."}}},
      "inputs": {"text": {"type": "text", "description": "A text."}},
      "outputs": {"text": {"type": "text", "description": "A text."}}})");
  }
  Json plan(const Context& context) override {
    if (context.parameter<std::string>("act") == "cannot tell") return nullptr;
    return {{"seconds", context.parameter<double>("number")}};
  }
  void run(const Context& context) override {
    const auto act = context.parameter<std::string>("act");
    if (act == "error") throw Error("invalid_parameter", "is wrong", "/act", "say something else");
    if (act == "cancelled") throw Cancelled();
    if (act == "check") context.check_cancelled();
    if (act == "logic") throw std::logic_error("oops");
    if (act == "memory") throw std::bad_alloc();
    if (act == "disk") throw std::system_error(std::make_error_code(std::errc::no_space_on_device));
    if (act == "int") throw 5;
    if (act == "nan") context.metric("loss", std::numeric_limits<double>::quiet_NaN());
    if (act == "missing") context.parameter<int>("nothing");
    if (act == "type") context.parameter<std::string>("number");
    if (act == "input") context.input("text");
    if (act == "facts") context.metric("run", context.run_facts().at("run"));
    if (act == "write") write(context);
  }
  static void write(const Context& context) {
    std::ofstream(context.work_dir() / "a") << "a";
    context.output("text", context.work_dir() / "a");
    context.metric("seed", context.seed());
    context.info("written");
  }
};

testing::Result act(const char* what) { return StageRunner<Actor>().parameter("act", what).run(); }

TEST(StageTest, an_error_becomes_fail_with_all_its_parts) {
  const auto result = act("error");
  EXPECT_EQ(result.status, PW_FAILED);
  EXPECT_EQ(result.code, "invalid_parameter");
  EXPECT_EQ(result.message, "is wrong");
  EXPECT_EQ(result.where, "/act");
  EXPECT_EQ(result.hint, "say something else");
}

TEST(StageTest, cancelled_becomes_the_status_cancelled) { EXPECT_EQ(act("cancelled").status, PW_CANCELLED); }

TEST(StageTest, check_cancelled_throws_only_once_cancellation_was_asked_for) {
  EXPECT_EQ(act("check").status, PW_OK);
  EXPECT_EQ(StageRunner<Actor>().parameter("act", "check").cancel().run().status, PW_CANCELLED);
}

TEST(StageTest, everything_else_that_is_thrown_is_a_failure_with_a_code) {
  EXPECT_EQ(act("logic").code, "threw");
  EXPECT_THAT(act("logic").message, HasSubstr("std::logic_error: oops"));
  EXPECT_EQ(act("memory").code, "out_of_memory");
  EXPECT_EQ(act("disk").code, "no_space");
  EXPECT_EQ(act("int").code, "threw");
}

TEST(StageTest, a_metric_that_is_not_finite_is_refused_where_it_is_reported) {
  EXPECT_EQ(act("nan").code, "not_finite");
  EXPECT_EQ(act("nan").where, "loss");
}

TEST(StageTest, parameters_that_are_missing_or_of_another_type_are_named) {
  EXPECT_EQ(act("missing").where, "/nothing");
  EXPECT_EQ(act("type").where, "/number");
}

TEST(StageTest, an_absent_input_is_named) {
  EXPECT_EQ(act("input").code, "invalid_input");
  EXPECT_EQ(act("input").where, "text");
}

TEST(StageTest, outputs_metrics_and_log_reach_the_host) {
  StageRunner<Actor> runner;
  const auto result = runner.parameter("act", "write").seed(7).run();
  EXPECT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("seed"), 7);
  EXPECT_EQ(result.outputs.count("text"), 1u);
  EXPECT_THAT(result.log, ElementsAre("written"));
}

TEST(StageTest, run_facts_are_offered_only_when_there_are_any) {
  EXPECT_EQ(act("facts").code, "unsupported");
  EXPECT_EQ(StageRunner<Actor>().parameter("act", "facts").run_facts({{"run", 3}}).run().metrics.at("run"),
            3);
}

TEST(StageTest, estimates_are_optional) {
  EXPECT_EQ(StageRunner<Actor>().parameter("number", 1.5).plan().estimates, Json({{"seconds", 1.5}}));
  EXPECT_EQ(StageRunner<Actor>().parameter("act", "cannot tell").plan().status, PW_UNSUPPORTED);
}

TEST(StageTest, the_runner_refuses_what_the_stage_does_not_describe) {
  EXPECT_THROW(StageRunner<Actor>().parameter("acct", 1), std::invalid_argument);
  EXPECT_THROW(StageRunner<Actor>().input("model", "/"), std::invalid_argument);
}

// A plugin table at compile time: nothing runs before the host asks.
constexpr pw_plugin table = detail::plugin_table<Actor>("name", "1");
static_assert(table.struct_size == sizeof(pw_plugin) && table.stage_count == 1, "");
static_assert(noexcept(detail::Trampolines<Actor>::run(nullptr, nullptr)), "no exception crosses");

}  // namespace
}  // namespace presswork
