// Drawings as text: SVG and a page around it, laid out here; Mermaid and Graphviz, laid out by them. Stages
// are boxes, decisions diamonds, loops frames. Solid edges carry artifacts or lead out of a decision; dashed
// ones carry metrics or only order. Nothing that a workflow says can leave its place in them.
#pragma once

#include <string>

#include "orchestrator/report/drawing.h"

namespace presswork::report {

std::string to_mermaid(const Drawing& drawing);  // a "flowchart TD"
std::string to_dot(const Drawing& drawing);      // for Graphviz
std::string to_svg(const Drawing& drawing);      // a file of its own, light or dark as its reader prefers
std::string to_html(const Drawing& drawing);     // one page that needs nothing else

std::string xml_text(std::string_view text);  // for an element or a quoted attribute

}  // namespace presswork::report
