#include "plugins/modelkit/tokenizer/merge_work.h"

#include <algorithm>

namespace presswork::modelkit {

namespace {

// For std::push_heap and its kin, which keep the largest on top: the one that is merged last is the "less".
constexpr auto later = [](const auto& a, const auto& b) { return a.order > b.order; };

}  // namespace

void MergeWork::link() {
  const auto& start = scratch_.start;
  const auto count = static_cast<std::int32_t>(start.size());
  scratch_.symbols.resize(start.size());
  for (std::int32_t i = 0; i < count; ++i) {
    scratch_.symbols[static_cast<std::size_t>(i)] = {start[static_cast<std::size_t>(i)], i - 1,
                                                     i + 1 < count ? i + 1 : -1};
  }
}

void MergeWork::consider(std::int32_t left) {
  const auto& symbol = scratch_.symbols[static_cast<std::size_t>(left)];
  if (symbol.next < 0) return;
  const Merge merge = merges_.find(symbol.id, scratch_.symbols[static_cast<std::size_t>(symbol.next)].id);
  if (merge.id < 0) return;
  scratch_.queue.push_back({(std::uint64_t{merge.rank} << 32) | static_cast<std::uint32_t>(left), merge.id});
}

void MergeWork::merge(std::int32_t left, std::int32_t id) {
  auto& symbols = scratch_.symbols;
  auto& symbol = symbols[static_cast<std::size_t>(left)];
  auto& right = symbols[static_cast<std::size_t>(symbol.next)];
  symbol.id = id;
  symbol.next = right.next;
  right.id = -1;
  if (right.next >= 0) symbols[static_cast<std::size_t>(right.next)].previous = left;

  auto& queue = scratch_.queue;
  const auto offer = [&](std::int32_t at) {
    const std::size_t before = queue.size();
    consider(at);
    if (queue.size() > before) std::push_heap(queue.begin(), queue.end(), later);
  };
  if (symbol.previous >= 0) offer(symbol.previous);
  offer(left);
}

void MergeWork::run(std::vector<std::int32_t>& ids) {
  link();
  auto& queue = scratch_.queue;
  auto& symbols = scratch_.symbols;
  queue.clear();
  for (std::size_t i = 0; i < symbols.size(); ++i) consider(static_cast<std::int32_t>(i));
  std::make_heap(queue.begin(), queue.end(), later);
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), later);
    const auto candidate = queue.back();
    queue.pop_back();
    const auto left = static_cast<std::int32_t>(candidate.order & 0xFFFFFFFF);
    const auto& symbol = symbols[static_cast<std::size_t>(left)];
    if (symbol.id < 0 || symbol.next < 0) continue;
    // The pair may have changed since it was offered; what counts is that it still makes the same token.
    const auto right = symbols[static_cast<std::size_t>(symbol.next)].id;
    if (merges_.find(symbol.id, right).id != candidate.id) continue;
    merge(left, candidate.id);
  }
  for (const auto& symbol : symbols) {
    if (symbol.id >= 0) ids.push_back(symbol.id);
  }
}

}  // namespace presswork::modelkit
