#include "plugins/strategy/ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "plugins/strategy/risks.h"

namespace presswork::strategy {
namespace {

const std::set<std::string> kAll = {"keep", "ptq",   "rtn",  "fp8", "nf4",       "gptq",
                                    "awq",  "mixed", "w8a8", "n_m", "structured"};

// 1e9 parameters of linears and 1e8 others in 16 bits; 1 GiB of keys and values.
Subject subject() {
  Subject s;
  s.guide.params = 1.1e9;
  s.guide.d_model = 2048;
  s.guide.n_layers = 32;
  s.guide.n_heads = 16;
  s.guide.batch_size = 1;
  s.guide.seq_len = 4096;
  s.guide.precision = "bf16";
  s.refined = s.guide;
  s.bytes = 2.2e9;
  s.refined.weight_bytes = s.bytes;
  s.linear_params = 1e9;
  s.kept_bytes = 2e8;
  return s;
}

const Assessed& find(const std::vector<Assessed>& all, const std::string& id) {
  for (const Assessed& a : all) {
    if (a.candidate.id == id) return a;
  }
  throw std::runtime_error("no candidate " + id);
}

class RankingTest : public ::testing::Test {
 protected:
  std::vector<Assessed> ranked_for(const Limits& limits, std::set<std::string> methods = kAll) {
    return ranked(subject(), limits, gpus, {std::move(methods), {}, {}});
  }
  modelkit::GpuCatalogue gpus = modelkit::GpuCatalogue::load();
};

TEST_F(RankingTest, PredictsSizesWithScalesAndWhatIsNeverQuantized) {
  const auto all = ranked_for({});
  // 4 bits and a float32 for 128 weights, beside 0.2 GB of embeddings and norms.
  EXPECT_DOUBLE_EQ(find(all, "gptq-int4-g128").prediction.bytes, 2e8 + 1e9 * (4 + 32.0 / 128) / 8);
  EXPECT_DOUBLE_EQ(find(all, "rtn-int4-g32-asym").prediction.bytes, 2e8 + 1e9 * (4 + 36.0 / 32) / 8);
  EXPECT_DOUBLE_EQ(find(all, "guide-ptq-fp16").prediction.bytes, 2.2e9);
  EXPECT_DOUBLE_EQ(find(all, "pruned-2of4").prediction.bytes, 2.2e9) << "zeros take room in a dense file";
}

TEST_F(RankingTest, KeepsTheCacheOutOfWhatQuantizationSaves) {
  const auto all = ranked_for({});
  const double cache = 2.0 * 32 * 4096 * 2048 * 2, state = 4096.0 * 2048 * 2;
  const Prediction& p = find(all, "gptq-int4-g128").prediction;
  EXPECT_NEAR(p.memory_gb * 1073741824.0, p.bytes * 1.1 + cache + state, 1);
}

TEST_F(RankingTest, PutsWhatKeepsToTheLimitsFirst) {
  Limits limits;
  limits.memory_gb = 2.0;
  limits.max_loss_percent = 4;
  const auto all = ranked_for(limits);
  bool still_feasible = true;
  for (const Assessed& a : all) {
    EXPECT_TRUE(still_feasible || !a.feasible()) << a.candidate.id;
    still_feasible = a.feasible();
    EXPECT_EQ(a.feasible(), a.prediction.memory_gb <= 2.0 && a.prediction.loss_percent <= 4)
        << a.candidate.id;
  }
  EXPECT_TRUE(all.front().feasible());
}

TEST_F(RankingTest, TakesTheLeastExcessWhereNothingFits) {
  Limits limits;
  limits.memory_gb = 0.1;
  const auto all = ranked_for(limits);
  EXPECT_FALSE(all.front().feasible());
  for (const Assessed& a : all) EXPECT_GE(a.excess(), all.front().excess());
}

TEST_F(RankingTest, NeverPrefersWhatTheWorkflowCannotCarryOut) {
  Limits limits;
  limits.memory_gb = 2.0;
  const auto all = ranked_for(limits, {"rtn"});
  EXPECT_THAT(all.front().candidate.id, ::testing::StartsWith("rtn-"));
  EXPECT_FALSE(find(all, "gptq-int4-g128").executable);
  EXPECT_TRUE(find(ranked_for(limits), "guide-ptq-fp16").executable) << "16 bits are what the model has";
}

TEST_F(RankingTest, LeavesOutGroupsThatDoNotDivideTheModelsWidths) {
  Subject odd = subject();
  odd.widths = {128, 352};
  const auto all = ranked(odd, {}, gpus, {kAll, {}, {}});
  EXPECT_FALSE(find(all, "gptq-int4-g128").executable);
  EXPECT_TRUE(find(all, "gptq-int4-g32").executable);
}

TEST_F(RankingTest, SixteenBitsAreWorkForAModelOfMoreOnly) {
  Subject full = subject();
  full.guide.precision = "fp32";
  const auto half = [&](const Subject& model, const char* method) {
    return find(ranked(model, {}, gpus, {{method}, {}, {}}), "guide-ptq-fp16");
  };
  EXPECT_TRUE(half(full, "ptq").executable);
  EXPECT_FALSE(half(full, "keep").executable);
  EXPECT_TRUE(half(subject(), "keep").executable);
  EXPECT_FALSE(half(subject(), "ptq").executable);
  EXPECT_TRUE(changes_nothing(half(subject(), "keep").candidate, subject()));
  EXPECT_FALSE(changes_nothing(half(full, "ptq").candidate, full));
}

TEST_F(RankingTest, SaysWhatStandsInTheWayOfACandidate) {
  Subject odd = subject();
  odd.widths = {128, 350};
  const auto all = ranked(odd, {}, gpus, {{"gptq", "n_m", "rtn"}, {}, {}});
  const auto obstacle = [&](const char* id) { return find(all, id).obstacle.text(); };
  EXPECT_EQ(obstacle("w8a8"), "the workflow does not carry out w8a8");
  EXPECT_EQ(obstacle("gptq-int4-g32"), "groups of 32 do not divide the widths of the model");
  EXPECT_EQ(obstacle("pruned-2of4"), "groups of 4 do not divide the widths of the model");
  EXPECT_EQ(obstacle("rtn-int8"), "");
}

TEST_F(RankingTest, SizesOfFloatsAreThoseOfTheirScales) {
  const auto all = ranked_for({});
  // A float32 for each row of 2048, for each 64 weights.
  EXPECT_DOUBLE_EQ(find(all, "rtn-fp8").prediction.bytes, 2e8 + 1e9 * (8 + 32.0 / 2048) / 8);
  EXPECT_DOUBLE_EQ(find(all, "rtn-nf4").prediction.bytes, 2e8 + 1e9 * (4 + 32.0 / 64) / 8);
  EXPECT_DOUBLE_EQ(find(all, "w8a8").prediction.bytes, find(all, "rtn-int8").prediction.bytes);
}

TEST_F(RankingTest, TheParetoSetIsWhatNothingDominates) {
  const auto all = ranked_for({});
  for (const Assessed& a : all) {
    bool dominated = false;
    for (const Assessed& b : all) {
      const auto &p = a.prediction, &q = b.prediction;
      dominated |= q.loss_percent <= p.loss_percent && q.memory_gb <= p.memory_gb && q.speedup >= p.speedup &&
                   (q.loss_percent < p.loss_percent || q.memory_gb < p.memory_gb || q.speedup > p.speedup);
    }
    EXPECT_EQ(a.pareto, !dominated) << a.candidate.id;
  }
}

TEST_F(RankingTest, TheObjectiveIsTheDocumentedSum) {
  Limits limits;
  limits.memory_gb = 3;
  limits.max_loss_percent = 10;
  Prediction p;
  p.loss_percent = 2;
  p.memory_gb = 1.5;
  p.speedup = 2;
  EXPECT_DOUBLE_EQ(score(p, subject(), limits, {}), 0.5 * 0.2 + 0.3 * 0.5 + 0.2 / 2);
  EXPECT_DOUBLE_EQ(score(p, subject(), {}, {1, 0, 0}), 2.0 / 5);
}

TEST_F(RankingTest, LimitsOfSpeedCountOnceTheOriginalWasMeasured) {
  Limits limits;
  limits.tokens_per_s = 15;
  limits.latency_ms = 50;  // 20 tokens/s, which is the stricter
  EXPECT_DOUBLE_EQ(*limits.needed_tokens_per_s(), 20);
  Subject measured = subject();
  EXPECT_TRUE(find(ranked(measured, limits, gpus, {kAll, {}, {}}), "guide-ptq-fp16").feasible());
  measured.tokens_per_s = 12;
  const auto all = ranked(measured, limits, gpus, {kAll, {}, {}});
  EXPECT_FALSE(find(all, "guide-ptq-fp16").feasible());
  EXPECT_TRUE(find(all, "gptq-int4-g128").feasible()) << "min(ratio, 2) times 12";
}

TEST_F(RankingTest, MeasuredSensitivityTakesThePlaceOfTheGuidesTable) {
  Subject measured = subject();
  measured.measured_loss["int4"] = 20;
  const auto by_guide = ranked(subject(), {}, gpus, {kAll, {}, {}});
  const auto by_measurement = ranked(measured, {}, gpus, {kAll, {}, {}});
  EXPECT_DOUBLE_EQ(find(by_measurement, "rtn-int4-g32-asym").prediction.loss_percent, 20);
  EXPECT_LT(find(by_measurement, "gptq-int4-g32-asym").prediction.loss_percent, 20);
  EXPECT_DOUBLE_EQ(find(by_guide, "gptq-int4-g128").prediction.loss_percent, 3);
}

TEST_F(RankingTest, MeasuredPruningTakesThePlaceOfTheFormula) {
  Subject measured = subject();
  measured.measured_loss["2:4"] = 100;
  const auto loss = [&](const Subject& model) {
    return find(ranked(model, {}, gpus, {kAll, {}, {}}), "pruned-2of4").prediction.loss_percent;
  };
  EXPECT_NEAR(loss(subject()), 0.3 * std::pow(0.5, 1.5) * 100, 1e-9);
  EXPECT_NEAR(loss(measured), 63, 1e-9) << "Wanda loses less than magnitude, which the analysis takes";
}

TEST_F(RankingTest, EveryCandidateThatMayFailSaysHowAndWhatThen) {
  Limits limits;
  limits.max_loss_percent = 2;
  limits.memory_gb = 2;
  for (const Assessed& a : ranked_for(limits)) {
    const auto risks = risks_of(a, subject(), limits);
    EXPECT_TRUE(a.feasible() || !risks.empty()) << a.candidate.id;
    for (const Risk& risk : risks) {
      for (const auto* text : {&risk.risk, &risk.early_sign, &risk.mitigation, &risk.rollback_point})
        EXPECT_FALSE(text->empty()) << a.candidate.id;
      EXPECT_THAT(std::vector({risk.likelihood, risk.impact}),
                  ::testing::Each(::testing::AnyOf("low", "medium", "high")));
    }
  }
}

}  // namespace
}  // namespace presswork::strategy
