#include "plugins/modelkit/evaluate/divergence.h"

#include <gtest/gtest.h>

#include "golden.h"
#include "plugins/modelkit/data/token_windows.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

TEST(ModelDivergence, GivesTheSameBitsForAnyNumberOfThreadsAndFromAFile) {
  const ChangedModel changed;
  const ModelSource model_source = ModelSource::open(changed.folder()),
                    baseline_source = ModelSource::open(kModel);
  std::vector<std::int32_t> ids(8 * 50);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i * 97 % 4000);
  const TokenWindows windows(ids, 50);
  const auto measure = [&](unsigned threads, std::size_t bytes) {
    const auto compute = make_cpu_compute(threads);
    Transformer model(*compute, model_source), baseline(*compute, baseline_source);
    DivergenceOptions options;
    options.pass.states.bytes = bytes;
    HiddenStates states = run_layers(baseline, windows, options.pass.states);
    const ModelDivergence d = divergence(model, baseline, states, windows, options);
    return std::vector<double>{d.kl.value, d.kl_max, d.log_ratio.value, d.top1_agreement.value};
  };
  const auto one = measure(1, 1 << 30);
  EXPECT_GT(one[0], 0.0);
  for (const unsigned threads : {2U, 3U, 5U}) EXPECT_EQ(measure(threads, 1 << 30), one) << threads;
  EXPECT_EQ(measure(2, 1), one);
}

TEST(ModelDivergence, RefusesAContextThatLeavesNothingToScoreAndAnotherVocabulary) {
  const auto compute = make_cpu_compute(1);
  const ModelSource tiny = ModelSource::open(kModel);
  const ModelSource other = ModelSource::open(kSource / "tests/data/fixtures/llama");
  Transformer model(*compute, tiny), baseline(*compute, tiny), stranger(*compute, other);
  const TokenWindows windows(std::vector<std::int32_t>(20, 1), 10);
  HiddenStates states = run_layers(baseline, windows, {});
  const auto where = [&](Transformer& against, std::size_t context) -> std::string {
    try {
      divergence(model, against, states, windows, {.pass = {}, .context = context});
    } catch (const Error& error) {
      return error.where;
    }
    return "accepted";
  };
  EXPECT_EQ(where(baseline, 8), "accepted");
  EXPECT_EQ(where(baseline, 9), "/context");
  EXPECT_EQ(where(stranger, 0), "baseline");
}

}  // namespace
}  // namespace presswork::modelkit
