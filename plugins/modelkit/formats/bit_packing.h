// Small signed integers packed into 32-bit words as compressed-tensors stores them: element j of a row starts
// at bit j * bits of the row, counted from bit 0 of word 0, and holds q + 2^(bits-1). For 4 and 8 bits (and
// 2) no element crosses a word; other widths are the dense stream of compressed-tensors 0.13 and later.
#pragma once

#include <cstddef>
#include <cstdint>

namespace presswork::modelkit {

// Words that `count` elements take: ceil(count * bits / 32).
std::int64_t packed_words(std::int64_t count, int bits);

// q: `count` values in [-2^(bits-1), 2^(bits-1) - 1], `stride` elements apart; words: packed_words(count,
// bits), `word_stride` words apart (0 bits pad the tail). Strides serve packing along the first dimension.
void pack_row(const std::int8_t* q, std::int64_t count, int bits, std::uint32_t* words,
              std::int64_t stride = 1, std::int64_t word_stride = 1);

// The reverse. `words` may be unaligned.
void unpack_row(const std::byte* words, std::int64_t count, int bits, std::int8_t* q, std::int64_t stride = 1,
                std::int64_t word_stride = 1);

}  // namespace presswork::modelkit
