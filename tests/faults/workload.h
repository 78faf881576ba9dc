// Workflows made by chance, of small stages whose results can be checked from outside
// (support/plugins/work.cc).
#pragma once

#include <filesystem>
#include <random>
#include <string>

namespace presswork::faults {

// What the engine under test knows beyond plain stages.
struct Features {
  bool matrix = false;  // matrix:, select:
  bool loop = false;    // loop:
};

Features features_of_engine();

// A workflow of some `stages` stages with data edges, a decision with two branches and their join, retries,
// and processes left behind; some also with a fan-out or a loop, where the engine has them. All of it tells
// `journal`. The same draws make the same workflow.
std::string make_workflow(std::mt19937& random, int stages, const Features& features,
                          const std::filesystem::path& journal);

}  // namespace presswork::faults
