#include "plugins/report/phrases.h"

#include <map>
#include <vector>

#include "presswork/error.h"

namespace presswork::summary {

namespace {

// Traditional Chinese, with the guide's words where it has them.
const std::map<std::string, std::string>& traditional_chinese() {
  static const std::map<std::string, std::string> table{
      {"Model compression report", "模型壓縮工程化報告"},
      {"Workflow", "工作流程"},
      {"Summary", "壓縮總結"},
      {"Required check not met", "未達成的必要檢查"},
      {"Overall grade", "總評"},
      {"worst of the measured metrics", "取已量測指標中最差者"},
      {"not measured", "未量測"},
      {"excellent", "優秀"},
      {"good", "良好"},
      {"acceptable", "可接受"},
      {"needs improvement", "需改進"},
      {"Original model", "原始模型"},
      {"Compressed model", "壓縮後模型"},
      {"Original size", "原始大小"},
      {"Compressed size", "壓縮後大小"},
      {"Storage saving", "存儲節省"},
      {"No step of this run made another model out of the one that came in.",
       "本次執行沒有任何步驟產生新的模型。"},
      {"from stage", "來自階段"},
      {"Grades", "分級"},
      {"Metric", "指標"},
      {"Value", "數值"},
      {"Grade", "等級"},
      {"How it was measured", "量測方式"},
      {"Compression ratio", "壓縮比"},
      {"Accuracy loss", "準確性損失"},
      {"Inference speedup", "推理加速"},
      {"Memory saving", "記憶體節省"},
      {"size of the weights before, divided by after", "壓縮前權重大小除以壓縮後權重大小"},
      {"no step of this run compressed a model", "本次執行沒有壓縮步驟"},
      {"rise of the perplexity, same text and window", "相同文本與視窗下困惑度的上升幅度"},
      {"perplexity was not measured on both models with the same text and window",
       "未以相同文本與視窗量測兩個模型的困惑度"},
      {"decoding speed by benchmark/inference on this machine",
       "以 benchmark/inference 在本機量測的解碼速度"},
      {"benchmark/inference did not run on both models", "benchmark/inference 未對兩個模型執行"},
      {"peak memory of benchmark/inference", "benchmark/inference 的峰值記憶體"},
      {"Accuracy", "準確性"},
      {"Measured by", "量測階段"},
      {"Text", "文本"},
      {"Window", "視窗"},
      {"Perplexity before", "壓縮前困惑度"},
      {"Perplexity after", "壓縮後困惑度"},
      {"Change", "變化"},
      {"± is the standard error.", "± 為標準誤差。"},
      {"The evaluation pass itself ran at {0} times the original's speed; it is no inference service and is "
       "not graded.",
       "評估過程的速度為原始模型的 {0} 倍；它不是推理服務，不列入分級。"},
      {"Steps", "壓縮步驟詳情"},
      {"Stage", "階段"},
      {"Uses", "使用"},
      {"State", "狀態"},
      {"Time", "時間"},
      {"Effect", "效果"},
      {"succeeded", "成功"},
      {"cached", "快取"},
      {"failed", "失敗"},
      {"timed_out", "逾時"},
      {"cancelled", "已取消"},
      {"skipped", "略過"},
      {"running", "執行中"},
      {"pending", "等待中"},
      {"perplexity of its model {0}", "其模型的困惑度 {0}"},
      {"Decision path", "決策路徑"},
      {"No decision was taken in this run.", "本次執行沒有決策。"},
      {"because", "依據"},
      {"Predicted and measured", "預測與實測"},
      {"Predicted", "預測"},
      {"Measured", "實測"},
      {"Error of the prediction", "預測誤差"},
      {"Checklist", "檢查清單"},
      {"Item", "項目"},
      {"Required", "必要"},
      {"Result", "結果"},
      {"Why", "原因"},
      {"pass", "通過"},
      {"fail", "未通過"},
      {"not_run", "未執行"},
      {"yes", "是"},
      {"no", "否"},
      {"Deployment advice", "部署建議"},
      {"Compression was not measured: compress first, then decide.", "未量測壓縮效果：請先壓縮再決定。"},
      {"The compression ratio of {0}x is over 2: worth deploying.",
       "壓縮比 {0}x 大於 2：壓縮效果顯著，建議在生產環境部署。"},
      {"The compression ratio of {0}x is not over 2: optimize further before deploying.",
       "壓縮比 {0}x 未大於 2：壓縮效果有限，建議進一步優化。"},
      {"Accuracy loss was not measured: measure perplexity before and after, then decide.",
       "未量測準確性損失：請先量測壓縮前後的困惑度再決定。"},
      {"The accuracy loss of {0} % is under 2 %: deploy.", "準確性損失 {0} % 低於 2 %：可直接部署。"},
      {"The accuracy loss of {0} % is under 5 %: run an A/B test before deploying.",
       "準確性損失 {0} % 低於 5 %：建議先進行 A/B 測試。"},
      {"The accuracy loss of {0} % is 5 % or more: redo the compression strategy.",
       "準確性損失 {0} % 達 5 % 以上：需要重新優化壓縮策略。"},
      {"Hardware fit was not assessed: no stage of this run looked at the target.",
       "未評估硬體兼容性：本次執行沒有分析目標硬體的階段。"},
      {"The compatibility score of {0} is over 0.8: the model fits the hardware.",
       "兼容性評分 {0} 大於 0.8：硬體兼容性良好。"},
      {"The compatibility score of {0} is not over 0.8: adapt the model to the target hardware.",
       "兼容性評分 {0} 未大於 0.8：需要針對目標硬體進行專門優化。"},
      {"Monitoring points", "監控要點"},
      {"Perplexity on a fixed sample of your own texts: take a first value before deploying.",
       "以自有文本的固定樣本量測困惑度：部署前先取得基準值。"},
      {"Perplexity on a fixed text: {0} at the time of this report; a lasting rise is a regression.",
       "固定文本的困惑度：本報告時為 {0}；持續上升即為退化。"},
      {"Tokens per second and time to first token under real load.",
       "實際負載下的每秒詞元數與首個詞元延遲。"},
      {"Peak memory, above all with long contexts and many requests at once.",
       "峰值記憶體，特別是長上下文與大量並行請求時。"},
      {"Empty, repeating or non-finite output, as a share of all answers.",
       "空白、重複或非有限值輸出佔全部回答的比例。"},
      {"Risks", "風險評估"},
      {"No risk is known from the facts of this run.", "依本次執行的資料沒有已知風險。"},
      {"Accuracy was judged on one text only; other domains and languages may lose more.",
       "準確性僅以一份文本評估；其他領域與語言的損失可能更大。"},
      {"The difference in perplexity is smaller than twice its standard error ({0}); both models were run on "
       "the "
       "same text, so it may still be real.",
       "困惑度差異小於兩倍標準誤差（{0}）；兩個模型使用相同文本，差異仍可能真實存在。"},
      {"Accuracy before and after compression is not known.", "壓縮前後的準確性未知。"},
      {"Inference speed of the compressed model is not known.", "壓縮後模型的推理速度未知。"},
      {"Memory at inference is not known; the size on disk is.", "推理時的記憶體未知；僅知存儲大小。"},
      {"{0}: the weights of one module changed by {1} % (relative Frobenius error).",
       "{0}：有模組的權重變化達 {1} %（相對 Frobenius 誤差）。"},
      {"The stage {0} failed: {1}", "階段 {0} 失敗：{1}"},
      {"Provenance", "來源與可重現性"},
      {"Parameters of the workflow", "工作流程參數"},
      {"Parameters", "參數"},
      {"Outputs", "輸出"},
      {"Digests are SHA-256 of the artifacts' contents; a run with the same ones gives the same result.",
       "摘要為產出內容的 SHA-256；相同的摘要得到相同的結果。"}};
  return table;
}

}  // namespace

Phrases::Phrases(const std::string& language) : chinese_(language == "zh-TW") {
  if (language != "en" && !chinese_) {
    throw Error("invalid_parameter", "the report is not written in \"" + language + "\"", "/lang",
                "use en or zh-TW");
  }
}

std::string Phrases::operator()(const std::string& english) const {
  if (!chinese_) return english;
  const auto found = traditional_chinese().find(english);
  if (found != traditional_chinese().end()) return found->second;
  missing_.insert(english);
  return english;
}

std::string Phrases::operator()(const std::string& english, std::initializer_list<std::string> values) const {
  const std::vector<std::string> given(values);
  const std::string pattern = (*this)(english);
  std::string text;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    // A hole is "{n}" with n below ten.
    const bool hole = pattern[at] == '{' && at + 2 < pattern.size() && pattern[at + 2] == '}';
    const std::size_t index = hole ? static_cast<std::size_t>(pattern[at + 1] - '0') : given.size();
    if (index < given.size()) {
      text += given[index];
      at += 2;
    } else {
      text += pattern[at];
    }
  }
  return text;
}

}  // namespace presswork::summary
