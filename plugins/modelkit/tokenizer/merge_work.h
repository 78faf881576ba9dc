// The merging of one word's symbols.
#pragma once

#include <cstdint>
#include <vector>

#include "plugins/modelkit/tokenizer/bpe.h"

namespace presswork::modelkit {

class MergeWork {
 public:
  // Starts from scratch.start; keeps its lists in `scratch`.
  MergeWork(const MergeTable& merges, Bpe::Scratch& scratch) : merges_(merges), scratch_(scratch) {}

  // Appends the merged symbols to `ids`.
  void run(std::vector<std::int32_t>& ids);

 private:
  void link();
  void consider(std::int32_t left);  // offers the pair that starts at symbol `left`, if it merges
  void merge(std::int32_t left, std::int32_t id);

  const MergeTable& merges_;
  Bpe::Scratch& scratch_;
};

}  // namespace presswork::modelkit
