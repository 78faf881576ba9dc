// Ids of instances as text: "quantize", a matrix cell "quantize[bits=4]", in a loop "tune[2]/quantize".
#pragma once

#include <string>
#include <string_view>

namespace presswork::report {

// The node of the workflow: "tune[2]/quantize[bits=4]" -> "tune/quantize".
std::string node_of(std::string_view id);

// What instances that differ only in cell or iteration share: "tune[2]/quantize[bits=4]" ->
// "tune[*]/quantize[*]"; an id without brackets is its own pattern.
std::string pattern_of(std::string_view id);

// The folder of loops that it lies in: "tune[2]/quantize" -> "tune"; "" outside of loops.
std::string parent_of(std::string_view node);

// The loop of the workflow in whose iteration it is: "tune[2]/inner[1]/x" -> "tune"; "" outside of loops.
std::string outermost_loop_of(std::string_view id);

}  // namespace presswork::report
