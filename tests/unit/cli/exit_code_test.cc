#include "orchestrator/cli/exit_code.h"

#include <gtest/gtest.h>

namespace presswork::cli {
namespace {

using base::ErrorCode;

TEST(ExitCode, TellsTheCallerWhatKindOfErrorItWas) {
  EXPECT_EQ(exit_code(ErrorCode::stage_failed), 1);
  EXPECT_EQ(exit_code(ErrorCode::no_space), 1);
  EXPECT_EQ(exit_code(ErrorCode::usage), 2);
  EXPECT_EQ(exit_code(ErrorCode::invalid_input), 2);
  EXPECT_EQ(exit_code(ErrorCode::not_found), 2);
  EXPECT_EQ(exit_code(ErrorCode::invalid_workflow), 3);
  EXPECT_EQ(exit_code(ErrorCode::locked), 4);
  EXPECT_EQ(exit_code(ErrorCode::cannot_fit), 5);
  EXPECT_EQ(exit_code(ErrorCode::cancelled), 130);
}

}  // namespace
}  // namespace presswork::cli
