// The merges of a BPE model: (left id, right id) -> (rank, id of the merged token). Open addressing, since
// the encoder asks once for every neighbouring pair.
#pragma once

#include <cstdint>
#include <vector>

namespace presswork::modelkit {

struct Merge {
  std::uint32_t rank = 0;  // lower merges first
  std::int32_t id = -1;    // -1: no such merge
};

class MergeTable {
 public:
  explicit MergeTable(std::size_t count) {
    std::size_t size = 16;
    while (size < count * 2) size *= 2;
    slots_.resize(size);
  }

  // A pair that is there already gets the new merge. At most `count` different pairs.
  void put(std::int32_t left, std::int32_t right, Merge merge) {
    Slot& slot = slots_[find_slot(key(left, right))];
    slot = {key(left, right), merge};
  }

  Merge find(std::int32_t left, std::int32_t right) const {
    return slots_[find_slot(key(left, right))].merge;
  }

 private:
  struct Slot {
    std::uint64_t key = ~std::uint64_t{0};  // no pair: ids are not negative
    Merge merge;
  };

  static std::uint64_t key(std::int32_t left, std::int32_t right) {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
           static_cast<std::uint32_t>(right);
  }
  // The slot of `key`, or the empty one where it belongs.
  std::size_t find_slot(std::uint64_t key) const {
    const std::size_t mask = slots_.size() - 1;
    std::uint64_t mixed = key * 0x9E3779B97F4A7C15U;
    mixed ^= mixed >> 32;
    std::size_t at = mixed & mask;
    while (slots_[at].key != key && slots_[at].key != ~std::uint64_t{0}) at = (at + 1) & mask;
    return at;
  }

  std::vector<Slot> slots_;
};

}  // namespace presswork::modelkit
