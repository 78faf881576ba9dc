#include "plugins/modelkit/formats/bit_packing.h"

#include <cstring>

namespace presswork::modelkit {

std::int64_t packed_words(std::int64_t count, int bits) { return (count * bits + 31) / 32; }

namespace {

// What fills whole words of adjacent values; returns how many.
template <int kBits>
std::int64_t pack_words(const std::int8_t* q, std::int64_t count, std::uint32_t* words,
                        std::int64_t word_stride) {
  constexpr int kEach = 32 / kBits, kOffset = 1 << (kBits - 1);
  const std::int64_t whole = count / kEach;
  for (std::int64_t w = 0; w < whole; ++w, q += kEach) {
    std::uint32_t word = 0;
    for (int k = 0; k < kEach; ++k) {
      const auto level = static_cast<std::uint32_t>(q[k] + kOffset) & ((std::uint64_t{1} << kBits) - 1);
      word |= static_cast<std::uint32_t>(level << (k * kBits));
    }
    words[w * word_stride] = word;
  }
  return whole * kEach;
}

}  // namespace

void pack_row(const std::int8_t* q, std::int64_t count, int bits, std::uint32_t* words, std::int64_t stride,
              std::int64_t word_stride) {
  const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
  const int offset = 1 << (bits - 1);
  if (stride == 1 && (bits == 4 || bits == 8)) {
    const std::int64_t packed =
        bits == 4 ? pack_words<4>(q, count, words, word_stride) : pack_words<8>(q, count, words, word_stride);
    q += packed;
    words += packed * bits / 32 * word_stride;
    count -= packed;
  }
  std::uint64_t pending = 0;  // bits not yet in a word, the oldest lowest
  int held = 0;
  for (std::int64_t j = 0; j < count; ++j) {
    pending |= (static_cast<std::uint64_t>(q[j * stride] + offset) & mask) << held;
    held += bits;
    if (held < 32) continue;
    *words = static_cast<std::uint32_t>(pending);
    words += word_stride;
    pending >>= 32;
    held -= 32;
  }
  if (held > 0) *words = static_cast<std::uint32_t>(pending);
}

void unpack_row(const std::byte* words, std::int64_t count, int bits, std::int8_t* q, std::int64_t stride,
                std::int64_t word_stride) {
  const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
  const int offset = 1 << (bits - 1);
  std::uint64_t pending = 0;
  int held = 0;
  for (std::int64_t j = 0; j < count; ++j) {
    if (held < bits) {
      std::uint32_t word = 0;
      std::memcpy(&word, words, sizeof(word));
      words += word_stride * static_cast<std::int64_t>(sizeof(word));
      pending |= std::uint64_t{word} << held;
      held += 32;
    }
    q[j * stride] = static_cast<std::int8_t>(static_cast<int>(pending & mask) - offset);
    pending >>= bits;
    held -= bits;
  }
}

}  // namespace presswork::modelkit
