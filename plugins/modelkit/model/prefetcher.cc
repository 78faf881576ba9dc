#include "plugins/modelkit/model/prefetcher.h"

#include <system_error>
#include <utility>

namespace presswork::modelkit {

void Prefetcher::start(const Checkpoint& checkpoint, std::string name) {
  thread_ = {};
  try {
    thread_ = std::jthread([&checkpoint, name = std::move(name)](const std::stop_token& stop) {
      checkpoint.prefetch(name, [&stop] { return stop.stop_requested(); });
    });
  } catch (const std::system_error&) {
    // No thread to be had: the pages come when they are touched.
  }
}

}  // namespace presswork::modelkit
