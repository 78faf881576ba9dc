#include "plugins/modelkit/data/token_windows.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include "plugins/modelkit/data/digest.h"
#include "plugins/modelkit/data/random.h"
#include "plugins/modelkit/data/text.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

static_assert(std::endian::native == std::endian::little, "digests are of little-endian integers");

// `count` of [0, all), distinct, in rising order.
std::vector<std::size_t> draw(std::size_t all, std::size_t count, std::uint64_t seed) {
  std::vector<std::size_t> places(all);
  std::iota(places.begin(), places.end(), std::size_t{0});
  Random random(seed);
  for (std::size_t i = 0; i < count; ++i) {
    std::swap(places[i], places[i + static_cast<std::size_t>(random.below(all - i))]);
  }
  places.resize(count);
  std::sort(places.begin(), places.end());
  return places;
}

void need_length(std::size_t length) {
  if (length == 0) throw Error("invalid_parameter", "a window needs at least one token", "/window");
}

// Whole windows of every document, one after another.
std::vector<std::int32_t> separate_ids(const Tokenizer& tokenizer, const std::vector<std::string>& documents,
                                       const Sampling& sampling) {
  std::vector<std::int32_t> ids;
  std::size_t longest = 0;
  for (const std::string& document : documents) {
    const auto tokens = tokenizer.encode(document, false);
    longest = std::max(longest, tokens.size());
    const std::size_t whole = tokens.size() / sampling.length * sampling.length;
    ids.insert(ids.end(), tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(whole));
    const bool enough = sampling.samples != 0 && ids.size() / sampling.length >= sampling.samples;
    if (enough && sampling.draw == Draw::First) break;
  }
  if (ids.empty()) {
    throw Error("invalid_input",
                "none of the " + std::to_string(documents.size()) + " documents fills a window of " +
                    std::to_string(sampling.length) + " tokens; the longest has " + std::to_string(longest),
                "", "pack the documents, give longer ones, or a smaller window");
  }
  return ids;
}

}  // namespace

TokenWindows::TokenWindows(std::vector<std::int32_t> ids, std::size_t length, std::size_t most)
    : ids_(std::move(ids)), length_(length), count_(0) {
  need_length(length);
  count_ = ids_.size() / length;
  if (most != 0) count_ = std::min(count_, most);
  if (count_ == 0) {
    throw Error("invalid_input",
                "the text has " + std::to_string(ids_.size()) + " tokens, fewer than one window of " +
                    std::to_string(length),
                "", "give a longer text or a smaller window");
  }
}

std::string TokenWindows::digest() const {
  Sha256 hash;
  hash.update(std::as_bytes(ids()));
  return hash.text();
}

TokenWindows sample_windows(const Tokenizer& tokenizer, std::vector<std::string> documents,
                            const Sampling& sampling) {
  need_length(sampling.length);
  std::vector<std::int32_t> ids = sampling.documents == Documents::Separate
                                      ? separate_ids(tokenizer, documents, sampling)
                                      : tokenizer.encode(joined(std::move(documents)), false);
  if (sampling.draw == Draw::First) return {std::move(ids), sampling.length, sampling.samples};
  const TokenWindows all(std::move(ids), sampling.length);
  if (sampling.samples == 0 || sampling.samples >= all.count()) return all;
  std::vector<std::int32_t> drawn;
  drawn.reserve(sampling.samples * sampling.length);
  for (const std::size_t window : draw(all.count(), sampling.samples, sampling.seed)) {
    drawn.insert(drawn.end(), all[window].begin(), all[window].end());
  }
  return {std::move(drawn), sampling.length};
}

TokenWindows read_windows(const Tokenizer& tokenizer, const std::filesystem::path& text,
                          const Sampling& sampling) {
  try {
    return sample_windows(tokenizer, read_documents(text), sampling);
  } catch (const Error& error) {
    if (!error.where.empty()) throw;
    throw Error(error.code, error.message, text.string(), error.hint);
  }
}

}  // namespace presswork::modelkit
