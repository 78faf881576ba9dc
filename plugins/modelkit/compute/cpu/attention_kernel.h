// Attention of one tile of queries with the keys before it, on the vectors of the machine. One thread.
#pragma once

#include <cstddef>
#include <vector>

namespace presswork::modelkit {

// Letters as in compute.h.
struct AttentionTile {
  static constexpr std::size_t kQueries = 48;  // rows of a tile
  static constexpr std::size_t kKeys = 128;    // keys taken at once

  static constexpr std::size_t kPanel = 64;  // keys of a panel

  const float* q = nullptr;         // [rows, D], row stride q_stride
  const float* k_panels = nullptr;  // [panels, D, kPanel]: keys transposed, see pack_keys
  const float* v = nullptr;         // [keys, D], contiguous, so that it meets the cache well
  float* out = nullptr;             // [rows, D], row stride out_stride
  std::size_t q_stride = 0, out_stride = 0;
  std::size_t rows = 0;      // at most kQueries
  std::size_t position = 0;  // of the first row: it sees keys [0, position]
  std::size_t head_dim = 0;
  std::size_t sliding_window = 0;  // 0: none
  float scale = 1.0F;
  float softcap = 0.0F;         // 0: none
  const float* sink = nullptr;  // a score without a value; null: none
};

// `scratch` is kept between calls by the thread.
void attention_tile(const AttentionTile& tile, std::vector<float>& scratch);

// panels [ceil(keys / kPanel), D, kPanel] = k [keys, D] transposed panel by panel, filled up with zeros.
void pack_keys(float* panels, const float* k, std::size_t k_stride, std::size_t keys, std::size_t head_dim);

// to [cols, rows] = from [rows, cols]^T.
void transpose(float* to, std::size_t to_stride, const float* from, std::size_t from_stride, std::size_t rows,
               std::size_t cols);

}  // namespace presswork::modelkit
