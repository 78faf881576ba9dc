#include "unit/engine/harness.h"

namespace presswork::testing {
namespace {

TEST_F(EngineTest, ACallNamesAMisspeltInputAndTheOneThatIsMissingForIt) {
  plugins::StageDescription stage = fake_stage("test/strict");
  stage.additional_inputs.reset();
  stage.inputs["model"] = {"model", true, ""};
  engine::CallRequest request;
  request.inputs["modle"] = folder;
  request.out = folder / "out";
  try {
    engine::call_stage(stage, request, *executor, recorder, clock, stop);
    FAIL() << "an Error was expected";
  } catch (const base::Error& error) {
    const std::string text = base::render(error);
    EXPECT_THAT(text, HasSubstr("test/strict has no input modle"));
    EXPECT_THAT(text, HasSubstr("did you mean model?"));
    EXPECT_THAT(text, HasSubstr("test/strict needs the input model (model)"));
  }
  EXPECT_TRUE(executor->started.empty());
}

}  // namespace
}  // namespace presswork::testing
