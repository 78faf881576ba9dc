// Names of instances: "quantize", a cell "quantize[bits=4]", in a loop "tune[2]/quantize", nested
// "outer[1]/inner[3]/quantize". The second iteration of a loop as a whole is "tune[2]".
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace presswork::engine {

// The loop that an instance is in, and which iteration of it: {"outer[1]/inner", 3}.
struct Enclosing {
  std::string loop;
  int iteration = 0;
};
// The innermost one; nothing outside of loops.
std::optional<Enclosing> enclosing_loop(std::string_view id);

// "tune[2]" is {"tune", 2}; nothing for any other id.
std::optional<Enclosing> as_iteration(std::string_view id);

std::string iteration_id(std::string_view loop, int iteration);

// The last part of an id: "quantize[bits=4]".
std::string_view leaf(std::string_view id);

// The one of `ids` that a user means:
//
//   the id itself          tune[2]/quantize[bits=4]
//   NAME@ITERATION         quantize@2: of that name, in iteration 2 of the loop that it is in
//   NAME                   quantize, where there is one of that name only
//
// NAME may be more of the end of the id, and may leave out a cell's values. Throws Error{not_found} that
// lists the candidates, or the nearest ids; `run` is for the message.
std::string find_instance(const std::string& spelling, const std::vector<std::string>& ids,
                          const std::string& run);

// Likewise, where several may be meant: the name of a matrix stands for all of its cells.
std::vector<std::string> find_instances(const std::string& spelling, const std::vector<std::string>& ids,
                                        const std::string& run);

// Whether a spelling means the instance, or an iteration or a loop that it is in: "tune[2]/quantize" is meant
// by "quantize", "quantize@2", "tune[2]" and "tune", too.
bool is_meant(const std::string& spelling, std::string_view id);

// The numbers that a spelling may mean as those of iterations: 9 and 2 in "outer[9]/x@2".
std::set<int> iterations_in(std::string_view spelling);

// The id without the values of its cell: "tune[2]/quantize".
std::string_view without_cell(std::string_view id);

}  // namespace presswork::engine
