#include "orchestrator/workflow/workflow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/workflow/need_graph.h"
#include "unit/workflow/stages.h"

namespace presswork::workflow {
namespace {

using base::Json;
using ::testing::ElementsAre;

// The example of the design, with what it leaves out.
const char* const text = R"yaml(presswork: 1
name: llm-compression
description: Compress when it is too big.
params:
  model:     {type: path, default: models/tiny, description: Hugging Face model folder}
  memory_gb: {type: number, default: 16, exclusiveMinimum: 0}
stages:
  load:    {uses: model/load, with: {path: "${{ params.model }}"}}
  data:    {uses: data/text, with: {path: text.txt}}
  analyze: {uses: analyze/model, inputs: {model: load.model}}
  memory_over_limit:
    decide:
      - {when: "analyze.metrics.inference_memory_gb > params.memory_gb", then: yes}
      - {default: no}
  quantize:
    uses: quantize/rtn
    after: [memory_over_limit.yes]
    inputs: {model: load.model}
    with: {bits: 4, group_size: 128}
    retry: {attempts: 2, backoff: 30s, on: [crashed, infrastructure]}
    timeout: 6h
    resources: {memory: 8GiB, cores: 2}
    seed: 7
  quality:
    uses: evaluate/perplexity
    inputs: {model: "first(quantize.model, load.model)",
                  text : data.text
}
  report:
    uses: report/summary
    after: quality
    join: all_done
    inputs: {analysis: analyze.analysis, quality: quality.metrics}
checklist:
  - {title: Good enough, check: quality.metrics.perplexity < 100, required: true}
)yaml";

TEST(WorkflowTest, ReadsTheExampleOfTheDesign) {
  const Workflow workflow = parse(text, "/flows/job.yaml");
  check(workflow, presswork::testing::Stages());
  EXPECT_EQ(workflow.name, "llm-compression");
  EXPECT_EQ(workflow.file, "/flows/job.yaml");
  ASSERT_EQ(workflow.nodes.size(), 7u);
  EXPECT_EQ(workflow.nodes[3].id, "memory_over_limit") << "in the order of the document";
  EXPECT_THAT(workflow.nodes[3].decision()->branches(), ElementsAre("yes", "no"));

  const Stage& quantize = *workflow.find("quantize")->stage();
  EXPECT_EQ(quantize.uses, "quantize/rtn");
  EXPECT_EQ(quantize.with.source(), Json({{"bits", 4}, {"group_size", 128}}));
  EXPECT_EQ(quantize.retry.attempts, 2);
  EXPECT_EQ(quantize.retry.backoff, std::chrono::seconds(30));
  EXPECT_THAT(quantize.retry.on, ElementsAre("crashed", "infrastructure"));
  EXPECT_EQ(quantize.timeout, std::chrono::hours(6));
  EXPECT_EQ(quantize.resources.memory, 8ull << 30);
  EXPECT_EQ(quantize.resources.cores, 2);
  EXPECT_EQ(quantize.seed, 7u);

  const Node& report = *workflow.find("report");
  EXPECT_EQ(report.join, Join::all_done);
  EXPECT_EQ(report.after.at(0).node, "quality");
  EXPECT_TRUE(workflow.checklist.at(0).required);
  EXPECT_EQ(workflow.checklist.at(0).where.to_string(), "/flows/job.yaml:35:5");
}

TEST(WorkflowTest, NeedsComeFromInputsAfterAndExpressions) {
  const Workflow workflow = parse(text, "job.yaml");
  EXPECT_THAT(needs(*workflow.find("load")), ElementsAre());
  EXPECT_THAT(needs(*workflow.find("memory_over_limit")), ElementsAre("analyze"));
  EXPECT_THAT(needs(*workflow.find("quality")), ElementsAre("quantize", "load", "data"));
  EXPECT_THAT(needs(*workflow.find("report")), ElementsAre("quality", "analyze"));
}

TEST(WorkflowTest, OrdersNodesSoThatNeedsComeFirst) {
  const Workflow workflow = parse(text, "job.yaml");
  const NeedGraph graph = need_graph(workflow);
  std::vector<bool> done(graph.size(), false);
  for (const std::size_t node : topological_order(graph)) {
    for (const std::size_t need : graph[node]) EXPECT_TRUE(done[need]);
    done[node] = true;
  }
  EXPECT_THAT(done, ::testing::Each(true));
}

TEST(WorkflowTest, ReadsTenThousandStagesInAChain) {
  std::string yaml = "presswork: 1\nname: chain\nstages:\n  n0: {uses: model/load, with: {path: m}}\n";
  for (int i = 1; i < 10'000; ++i) {
    yaml += "  n" + std::to_string(i) + ": {uses: quantize/rtn, inputs: {model: n" + std::to_string(i - 1) +
            ".model}}\n";
  }
  const Workflow workflow = parse(yaml, "job.yaml");
  check(workflow, presswork::testing::Stages());
  EXPECT_EQ(workflow.nodes.size(), 10'000u);
}

TEST(WorkflowTest, MetricsAreAnOutputOfEveryStage) {
  const Workflow workflow = parse(R"(presswork: 1
name: job
stages:
  load: {uses: model/load, with: {path: m}}
  report: {uses: report/summary, inputs: {numbers: load.metrics}}
)",
                                  "job.yaml");
  EXPECT_NO_THROW(check(workflow, presswork::testing::Stages()));
}

TEST(WorkflowTest, ValuesThatAreNotKnownYetAreNotJudged) {
  const Workflow workflow = parse(R"(presswork: 1
name: job
params: {bits: {type: integer, default: 5}, what: {type: string, default: bf16}}
stages:
  load: {uses: model/load, with: {path: m}}
  analyze: {uses: analyze/model, inputs: {model: load.model}, with: {precision: "${{ params.what }}"}}
  small:
    uses: quantize/rtn
    inputs: {model: load.model}
    with: {bits: "${{ params.bits }}", ignore: ["${{ params.what }}", "x-${{ params.bits }}"]}
)",
                                  "job.yaml");
  EXPECT_NO_THROW(check(workflow, presswork::testing::Stages()));
}

TEST(WorkflowTest, AFileThatIsNotThereIsNamed) {
  try {
    load("/nowhere/job.yaml");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::ErrorCode::not_found);
    EXPECT_THAT(error.message, ::testing::HasSubstr("/nowhere/job.yaml"));
  }
  EXPECT_THROW(load("/dev/zero"), base::Error);
  EXPECT_THROW(load("/tmp"), base::Error);
}

}  // namespace
}  // namespace presswork::workflow
