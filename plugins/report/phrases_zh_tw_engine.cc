// Why the engine skipped a step (orchestrator/engine/instance.cc), or could not check an item (facts.cc).
#include "plugins/report/phrases.h"

namespace presswork::summary {

const std::map<std::string, std::string>& traditional_chinese_of_engine() {
  static const std::map<std::string, std::string> table{
      {" does not exist in this run", "（本次執行中不存在）"},
      {"decision {0} chose {1}, not {2}", "決策 {0} 選擇了 {1}，而非 {2}"},
      {"input {0} needs {1}, which does not exist in this run", "輸入 {0} 需要 {1}，但本次執行中不存在"},
      {"needs {0}, which failed", "需要 {0}，但它失敗了"},
      {"needs {0}, which was cancelled", "需要 {0}，但它已被取消"},
      {"needs {0}, which was skipped", "需要 {0}，但它被略過"},
      {"needs {0}, which was timed_out", "需要 {0}，但它逾時"},
      {"nothing that it waits for failed", "它所等待的步驟都沒有失敗"},
      {"there is nothing to select from", "沒有可供選擇的結果"}};
  return table;
}

}  // namespace presswork::summary
