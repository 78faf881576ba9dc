// Every workflow that ships can be read, says what it is for, and explains its parameters.
#include <gtest/gtest.h>

#include <filesystem>

#include "orchestrator/workflow/workflow.h"

namespace presswork::workflow {
namespace {

TEST(ShippedWorkflowsTest, AreValidAndDescribed) {
  std::size_t found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(PRESSWORK_SOURCE_DIR "/workflows")) {
    if (entry.path().extension() != ".yaml") continue;
    ++found;
    SCOPED_TRACE(entry.path());
    try {
      const Workflow workflow = load(entry.path());
      EXPECT_EQ(workflow.name, entry.path().stem()) << "a workflow is named like its file";
      EXPECT_FALSE(workflow.description.empty());
      for (const Param& param : workflow.params) EXPECT_FALSE(param.description.empty()) << param.name;
      EXPECT_NO_THROW(resolve_params(workflow, nullptr, "/")) << "it runs without any -p";
    } catch (const base::Error& error) {
      ADD_FAILURE() << base::render(error);
    }
  }
  EXPECT_GE(found, 1u);
}

}  // namespace
}  // namespace presswork::workflow
