// The parts that nodes of several kinds are written with.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "orchestrator/workflow/document.h"
#include "orchestrator/workflow/position.h"
#include "orchestrator/workflow/reader.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::workflow::detail {

class PartReader {
 public:
  PartReader(std::shared_ptr<const Document> document, Faults& faults)
      : document_(std::move(document)), faults_(faults) {}

  const std::shared_ptr<const Document>& document() const { return document_; }
  Faults& faults() { return faults_; }
  base::Where where(const YamlNode& node) const { return document_->where(node); }
  base::Where key_where(const YamlEntry& entry) const { return document_->where(entry.key_mark); }
  void fault(const base::Where& where, std::string message, std::string hint = {}) {
    faults_.add(where, std::move(message), std::move(hint));
  }

  // "stage.output" or "first(a.output, b.output)"; nothing, and a fault, when it is neither.
  std::optional<Input> input(const YamlEntry& entry);
  std::map<std::string, Input> inputs(const YamlNode& map);

  // An expression that stands without ${{ }}; `key` is what it belongs to.
  std::optional<Expression> expression(const YamlNode& scalar, std::string_view key);

  // A value that may hold ${{ expressions }}.
  Template templated(const YamlPtr& value);

  std::chrono::milliseconds duration(const YamlNode& map, std::string_view key,
                                     std::chrono::milliseconds fallback);

  // A number that the schema takes for an integer may be written as 1e300.
  std::uint64_t whole(const YamlNode& node);

  // {where, minimize, maximize}
  Choice choice(const YamlNode& map);

  // {outputs, metrics}
  Exports exports(const YamlNode& map);

 private:
  std::shared_ptr<const Document> document_;
  Faults& faults_;
};

Matrix read_matrix(PartReader& parts, const YamlNode& map);
Select read_select(PartReader& parts, const YamlNode& map);
Loop read_loop(PartReader& parts, const YamlNode& map);

// The entries of `stages:` or of a loop's `body:`.
Scope read_scope(const std::shared_ptr<const Document>& document, const YamlNode& map, Faults& faults);

}  // namespace presswork::workflow::detail
