// Reads the next layer of a checkpoint into the page cache on a thread of its own, while the current one is
// computed with. Only a hint: nothing depends on it, and no memory of this process is used.
#pragma once

#include <string>
#include <thread>

#include "plugins/modelkit/checkpoint/checkpoint.h"

namespace presswork::modelkit {

class Prefetcher {
 public:
  // Ends what was under way, then starts on everything below `name`. `checkpoint` must stay until the next
  // start() or the end of this object.
  void start(const Checkpoint& checkpoint, std::string name);

 private:
  std::jthread thread_;  // stops and joins when replaced or destroyed
};

}  // namespace presswork::modelkit
