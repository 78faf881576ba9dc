// Reports, approvals and `compress` as a user meets them.
#include <gmock/gmock.h>

#include "command.h"

namespace presswork::testing {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class Reports : public Command {
 protected:
  // A workflow whose text waits for a person's approval.
  std::string approval_flow() const {
    file("note.txt", "what is to be signed\n");
    return file("flow.yaml", R"(presswork: 1
name: sign
stages:
  text: {uses: data/text, with: {path: note.txt}}
  sign: {uses: check/approval, inputs: {text: text.text}, with: {item: acceptance}}
checklist:
  - {title: Somebody signed it, check: "sign.metrics.approved", required: true}
)")
        .string();
  }
};

TEST_F(Reports, ARunWaitsForAnApprovalOfExactlyItsResult) {
  const std::string flow = approval_flow();
  EXPECT_EQ(presswork({"run", flow, "-q"}).code, 1);
  const Finished approved =
      presswork({"approve", "r1", "acceptance", "--by", "Ann Lee", "--note", "fine", "--json"});
  EXPECT_EQ(approved.code, 0) << approved.err;
  EXPECT_EQ(approved.json()["by"], "Ann Lee");
  EXPECT_EQ(presswork({"run", flow, "-q"}).code, 0);
  file("note.txt", "something else\n");
  EXPECT_EQ(presswork({"run", flow, "-q"}).code, 1) << "another text was never signed";
}

TEST_F(Reports, AnItemThatNobodyAskedForIsRefusedWithThoseThereAre) {
  presswork({"run", approval_flow(), "-q"});
  const Finished refused = presswork({"approve", "r1", "aceptance", "--by", "Ann"});
  EXPECT_EQ(refused.code, 2) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("its items are: acceptance"));
}

TEST_F(Reports, AreWrittenAfterwardsAsMarkdownPageAndData) {
  presswork({"run", approval_flow(), "-q"});
  const Finished written = presswork({"report", "r1", "--format", "html", "--json"});
  ASSERT_EQ(written.code, 0) << written.err;
  const fs::path page = written.json()["path"].get<std::string>();
  EXPECT_THAT(slurp(page), HasSubstr("<!DOCTYPE html>"));
  const base::Json model = base::Json::parse(slurp(page.parent_path() / "report.json"));
  EXPECT_EQ(model["run"], "r1");
  EXPECT_EQ(model["timeline"].size(), 2u) << "both stages ran";
  EXPECT_EQ(model["checklists"].size(), 2u) << "the workflow's, and the approval";
  EXPECT_THAT(presswork({"report", "r1", "--lang", "zh-TW", "--print"}).out, HasSubstr("模型壓縮工程化報告"));
}

TEST_F(Reports, OfTwoRunsAreSetSideBySide) {
  const std::string flow = approval_flow();
  presswork({"run", flow, "-q"});
  presswork({"run", flow, "-q"});
  const Finished compared = presswork({"report", "r1", "r2", "--print"});
  EXPECT_EQ(compared.code, 0) << compared.err;
  EXPECT_THAT(compared.out, HasSubstr("|  | r1 | r2 |"));
  EXPECT_EQ(presswork({"report", "r1", "r2", "r2"}).code, 2);
}

TEST_F(Reports, CompressPrintsTheWorkflowThatItWouldRun) {
  const Finished printed = presswork({"compress", "my model", "--memory", "8GiB", "--max-loss", "2%",
                                      "--lang", "zh-TW", "-p", "attempts=2", "--print-workflow"});
  ASSERT_EQ(printed.code, 0) << printed.err;
  EXPECT_THAT(printed.out, HasSubstr("    default: 8.0\n"));
  EXPECT_THAT(printed.out, HasSubstr("    default: 2.0\n"));
  EXPECT_THAT(printed.out, HasSubstr("    default: \"zh-TW\"\n"));
  EXPECT_THAT(printed.out, HasSubstr("/my model\"\n"));
  EXPECT_THAT(printed.out, HasSubstr("I_deployment_test"));
}

TEST_F(Reports, CompressRefusesWhatItCannotRead) {
  EXPECT_EQ(presswork({"compress", "m", "--memory", "much", "--print-workflow"}).code, 2);
  EXPECT_EQ(presswork({"compress", "m", "--memory", "8", "--print-workflow"}).code, 2)
      << "8 bytes are never meant";
  EXPECT_EQ(presswork({"compress", "m", "--memory", "1GiB", "--max-loss", "few", "--print-workflow"}).code,
            2);
  const Finished card = presswork({"compress", "m", "--gpu", "RTX_0", "--print-workflow"});
  EXPECT_EQ(card.code, 2);
  EXPECT_THAT(card.err, HasSubstr("RTX_4090"));
  EXPECT_EQ(presswork({"compress", "m", "--memory", "1GiB", "--gpu", "RTX_0", "--print-workflow"}).code, 2);
  const Finished parameter =
      presswork({"compress", "m", "--memory", "1GiB", "-p", "memry=1", "--print-workflow"});
  EXPECT_EQ(parameter.code, 2);
  EXPECT_THAT(parameter.err, HasSubstr("memory_gb"));
}

TEST_F(Reports, CompressLeavesNothingBehindWhereItCannotBegin) {
  const std::filesystem::path out = folder.path() / "result";
  const auto compress = [&](const std::string& model, std::vector<std::string> more) {
    more.insert(more.begin(), {"compress", model, "--memory", "1GiB", "-o", out.string()});
    return presswork(more);
  };
  const std::string model = std::string(PRESSWORK_SOURCE_DIR) + "/examples/models/tiny-llama";
  const Finished missing = compress("nowhere", {});
  EXPECT_NE(missing.code, 0);
  EXPECT_THAT(missing.err, HasSubstr("there is no folder nowhere"));
  EXPECT_NE(compress(model, {"-p", "attempts=none"}).code, 0);
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST_F(Reports, CompressKeepsOutOfAFolderOfAnotherCommand) {
  std::filesystem::create_directories(folder.path() / "result");
  file("result/workflow.yaml", "presswork: 1\n");
  const Finished other =
      presswork({"compress", std::string(PRESSWORK_SOURCE_DIR) + "/examples/models/tiny-llama", "--memory",
                 "1GiB", "-o", (folder.path() / "result").string()});
  EXPECT_NE(other.code, 0);
  EXPECT_THAT(other.err, HasSubstr("is of another command"));
}

}  // namespace
}  // namespace presswork::testing
