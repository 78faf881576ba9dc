// The hidden states of a set of windows while a model's layers pass over them one by one: in device memory,
// or, beyond a limit, in a file from which a block at a time comes into memory. So a pass reads every layer
// once, however many windows there are, and holds a bounded part of the set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "plugins/modelkit/compute/compute.h"
#include "plugins/modelkit/data/token_windows.h"
#include "plugins/modelkit/model/transformer.h"

namespace presswork::modelkit {

struct StateLimit {
  std::size_t bytes = std::size_t{256} << 20;  // held in memory; at least one window always is
  std::filesystem::path folder = {};           // of the file; empty: the system's folder for temporary files
};

class HiddenStates {
 public:
  // `windows` sequences of `tokens` rows, `width` values each; contents undefined. The file has no name and
  // vanishes with the object or the process. Throws "no_space" when the folder cannot hold it, "io".
  HiddenStates(Compute& compute, std::size_t windows, std::size_t tokens, std::size_t width,
               const StateLimit& limit);
  ~HiddenStates();
  HiddenStates(HiddenStates&& other) noexcept;
  HiddenStates& operator=(HiddenStates&&) = delete;
  HiddenStates(const HiddenStates&) = delete;

  std::size_t windows() const { return windows_; }
  std::size_t tokens() const { return tokens_; }
  std::size_t width() const { return width_; }
  bool spilled() const { return descriptor_ >= 0; }
  static std::uint64_t memory_bytes(std::size_t windows, std::size_t tokens, std::size_t width,
                                    const StateLimit& limit);

  // Calls body(states, first, count) for blocks of whole windows in order; `states` is [count * tokens,
  // width], valid during the call. each() keeps what the body changes in it, and with `fresh` does not read
  // what was there before; read() keeps nothing.
  using Body = std::function<void(const Matrix& states, std::size_t first, std::size_t count)>;
  void each(const Body& body, bool fresh = false);
  void read(const Body& body);
  // The block that starts at window `first`, which is where each() and read() have one; valid until the next
  // call. Two sets of one shape and limit have the same blocks.
  Matrix block_at(std::size_t first);

  // to [tokens, width] = window `window`, in any order.
  void take(std::size_t window, const Matrix& to);

 private:
  void visit(const Body& body, bool load_first, bool store_after);
  void load(std::size_t first, const Matrix& block);
  void store(std::size_t first, const Matrix& block);

  Compute& compute_;
  std::size_t windows_, tokens_, width_;
  std::size_t together_;  // windows in a block
  int descriptor_ = -1;
  Matrix block_;                // all windows, or one block
  std::vector<float> staging_;  // a window on its way to or from the file
};

// Hears the share of the pass that is done, in [0, 1]; may throw to end the work.
using StepObserver = std::function<void(double share)>;

// The states of `windows` before the first layer; makes the model's rope of their length.
HiddenStates embed_windows(Transformer& model, const TokenWindows& windows, const StateLimit& limit);

// Sends copies of the states through the layer as it is, and lets them hear what goes into its linears; the
// states stay those before it. A window at a time, however many are in memory: what is summed over them must
// not depend on that. `window` hears the number of each before it goes.
void observe_layer(Transformer& model, DecoderLayer& layer, HiddenStates& states,
                   const LinearObserver& observer, const std::function<void(std::size_t)>& window = {});

// The states of `windows` after the model's last layer and final norm. Layers are loaded one at a time.
HiddenStates run_layers(Transformer& model, const TokenWindows& windows, const StateLimit& limit,
                        const StepObserver& step = {});

}  // namespace presswork::modelkit
