#include "plugins/modelkit/evaluate/hidden_states.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <string>
#include <system_error>
#include <utility>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

[[noreturn]] void fail(const std::string& what) {
  const int reason = errno;
  throw Error(reason == ENOSPC || reason == EDQUOT ? "no_space" : "io",
              "the hidden states cannot be kept in a file: " + what + ": " + std::strerror(reason), "",
              "free disk space, or give the stage more memory so that no file is needed");
}

int open_nameless(const std::filesystem::path& given) {
  const auto folder = given.empty() ? std::filesystem::temp_directory_path() : given;
  const int nameless = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (nameless >= 0) return nameless;
  // A file system without O_TMPFILE.
  std::string pattern = (folder / "hidden-states-XXXXXX").string();
  const int named = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (named < 0) fail("no file in " + folder.string());
  ::unlink(pattern.c_str());
  return named;
}

template <class Transfer, class Pointer>
void transfer_all(Transfer transfer, int descriptor, Pointer data, std::size_t bytes, std::size_t offset) {
  while (bytes > 0) {
    const ssize_t moved = transfer(descriptor, data, bytes, static_cast<off_t>(offset));
    if (moved < 0 && errno == EINTR) continue;
    if (moved == 0) errno = EIO;
    if (moved <= 0) fail("transfer");
    data += moved;
    bytes -= static_cast<std::size_t>(moved);
    offset += static_cast<std::size_t>(moved);
  }
}

std::size_t windows_within(std::size_t windows, std::size_t window_bytes, const StateLimit& limit) {
  return std::clamp<std::size_t>(limit.bytes / std::max<std::size_t>(1, window_bytes), 1, windows);
}

}  // namespace

HiddenStates::HiddenStates(Compute& compute, std::size_t windows, std::size_t tokens, std::size_t width,
                           const StateLimit& limit)
    : compute_(compute),
      windows_(windows),
      tokens_(tokens),
      width_(width),
      together_(windows_within(windows, tokens * width * sizeof(float), limit)) {
  if (together_ < windows_) {
    descriptor_ = open_nameless(limit.folder);
    staging_.resize(tokens_ * width_);
  }
  block_ = compute_.allocate(together_ * tokens_, width_);
}

HiddenStates::~HiddenStates() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

HiddenStates::HiddenStates(HiddenStates&& other) noexcept
    : compute_(other.compute_),
      windows_(other.windows_),
      tokens_(other.tokens_),
      width_(other.width_),
      together_(other.together_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      block_(std::move(other.block_)),
      staging_(std::move(other.staging_)) {}

std::uint64_t HiddenStates::memory_bytes(std::size_t windows, std::size_t tokens, std::size_t width,
                                         const StateLimit& limit) {
  const std::uint64_t window = tokens * width * sizeof(float);
  const std::size_t together = windows_within(windows, window, limit);
  return (together + (together < windows ? 1 : 0)) * window;
}

void HiddenStates::each(const Body& body, bool fresh) { visit(body, !fresh, true); }
void HiddenStates::read(const Body& body) { visit(body, true, false); }

Matrix HiddenStates::block_at(std::size_t first) {
  const Matrix block = block_.row_range(0, std::min(together_, windows_ - first) * tokens_);
  if (spilled()) load(first, block);
  return block;
}

void HiddenStates::take(std::size_t window, const Matrix& to) {
  if (spilled()) return load(window, to);
  std::vector<std::size_t> rows(tokens_);
  std::iota(rows.begin(), rows.end(), window * tokens_);
  compute_.take_rows(to, block_, rows);
}

void HiddenStates::visit(const Body& body, bool load_first, bool store_after) {
  for (std::size_t first = 0; first < windows_; first += together_) {
    const std::size_t count = std::min(together_, windows_ - first);
    const Matrix block = block_.row_range(0, count * tokens_);
    if (spilled() && load_first) load(first, block);
    body(block, first, count);
    if (spilled() && store_after) store(first, block);
  }
}

void HiddenStates::load(std::size_t first, const Matrix& block) {
  const std::size_t bytes = staging_.size() * sizeof(float);
  for (std::size_t w = 0; w * tokens_ < block.rows; ++w) {
    transfer_all(::pread, descriptor_, reinterpret_cast<char*>(staging_.data()), bytes, (first + w) * bytes);
    compute_.write(block.row_range(w * tokens_, tokens_), staging_);
  }
}

void HiddenStates::store(std::size_t first, const Matrix& block) {
  const std::size_t bytes = staging_.size() * sizeof(float);
  for (std::size_t w = 0; w * tokens_ < block.rows; ++w) {
    compute_.read(block.row_range(w * tokens_, tokens_), staging_);
    transfer_all(::pwrite, descriptor_, reinterpret_cast<const char*>(staging_.data()), bytes,
                 (first + w) * bytes);
  }
}

HiddenStates embed_windows(Transformer& model, const TokenWindows& windows, const StateLimit& limit) {
  const std::size_t tokens = windows.length();
  HiddenStates states(model.compute(), windows.count(), tokens,
                      static_cast<std::size_t>(model.config().hidden), limit);
  states.each(
      [&](const Matrix& block, std::size_t first, std::size_t count) {
        model.embed(block, windows.ids().subspan(first * tokens, count * tokens), tokens);
      },
      true);
  return states;
}

void observe_layer(Transformer& model, DecoderLayer& layer, HiddenStates& states,
                   const LinearObserver& observer, const std::function<void(std::size_t)>& window) {
  const std::size_t tokens = states.tokens();
  std::vector<std::size_t> rows(tokens);
  const Matrix copy = model.compute().allocate(tokens, states.width());
  states.read([&](const Matrix& block, std::size_t first, std::size_t count) {
    for (std::size_t w = 0; w < count; ++w) {
      if (window) window(first + w);
      std::iota(rows.begin(), rows.end(), w * tokens);
      model.compute().take_rows(copy, block, rows);
      layer.observe(copy, tokens, model.rope(), observer);
    }
  });
}

HiddenStates run_layers(Transformer& model, const TokenWindows& windows, const StateLimit& limit,
                        const StepObserver& step) {
  const std::size_t tokens = windows.length();
  HiddenStates states = embed_windows(model, windows, limit);
  const auto all = static_cast<double>(windows.count()), layers = static_cast<double>(model.layers());
  for (std::int64_t i = 0; i < model.layers(); ++i) {
    DecoderLayer layer = model.layer(i);
    states.each([&](const Matrix& block, std::size_t first, std::size_t) {
      if (step) step((static_cast<double>(i) + static_cast<double>(first) / all) / layers);
      layer.forward(block, tokens, model.rope());
    });
  }
  states.each([&](const Matrix& block, std::size_t, std::size_t) { model.final_norm(block); });
  if (step) step(1.0);
  return states;
}

}  // namespace presswork::modelkit
