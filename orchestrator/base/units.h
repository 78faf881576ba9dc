// Amounts as people write them: "8GiB", "30s", "2%".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace presswork::base {

// "512", "64KiB", "8GiB", "1.5GB" (KiB, MiB, GiB, TiB are powers of 1024; KB, MB, GB, TB of 1000).
// Nothing when the text is not such an amount or does not fit.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

// "250ms", "30s", "5m", "6h", "1d", "1.5h".
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

std::string format_bytes(std::uint64_t bytes);             // "3.41 MiB"
std::string format_duration(std::chrono::milliseconds t);  // "850 ms", "12.3 s", "4 min 05 s", "2 h 10 min"
std::string format_seconds(double seconds);                // the same

}  // namespace presswork::base
