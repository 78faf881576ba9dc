#include "plugins/modelkit/formats/bit_packing.h"

#include <cstring>

namespace presswork::modelkit {

std::int64_t packed_words(std::int64_t count, int bits) { return (count * bits + 31) / 32; }

void pack_row(const std::int8_t* q, std::int64_t count, int bits, std::uint32_t* words, std::int64_t stride,
              std::int64_t word_stride) {
  const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
  const int offset = 1 << (bits - 1);
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
