// From a Document that fits the schema to a Workflow; names are not looked up yet.
#pragma once

#include <memory>
#include <string_view>

#include "orchestrator/workflow/document.h"
#include "orchestrator/workflow/position.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::workflow {

// Everything that can be read, whatever faults there are; those go to `faults`.
Workflow read_workflow(const std::shared_ptr<const Document>& document, Faults& faults);

// [A-Za-z_][A-Za-z0-9_]*
bool is_identifier(std::string_view text);
// Also digits at the front and "-" inside: names of outputs and branches.
bool is_label(std::string_view text);

// The names that no node may have, because expressions give them a meaning.
bool is_reserved(std::string_view name);

namespace detail {

Param read_param(const Document& document, const YamlEntry& entry, Faults& faults);
workflow::Node read_node(const std::shared_ptr<const Document>& document, const YamlEntry& entry,
                         Faults& faults);
ChecklistItem read_check(const Document& document, const YamlNode& item);  // throws

// A scalar's text; empty when the key is not there.
std::string text_of(const YamlNode& map, std::string_view key);

}  // namespace detail

}  // namespace presswork::workflow
