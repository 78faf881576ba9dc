#include "plugins/modelkit/data/token_windows.h"

#include <algorithm>
#include <string>
#include <utility>

#include "presswork/error.h"

namespace presswork::modelkit {

TokenWindows::TokenWindows(std::vector<std::int32_t> ids, std::size_t length, std::size_t most)
    : ids_(std::move(ids)), length_(length), count_(0) {
  if (length == 0) throw Error("invalid_parameter", "a window needs at least one token", "/window");
  count_ = ids_.size() / length;
  if (most != 0) count_ = std::min(count_, most);
  if (count_ == 0) {
    throw Error("invalid_input",
                "the text has " + std::to_string(ids_.size()) + " tokens, fewer than one window of " +
                    std::to_string(length),
                "", "give a longer text or a smaller window");
  }
}

}  // namespace presswork::modelkit
