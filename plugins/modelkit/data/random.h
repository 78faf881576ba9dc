// Random numbers that are the same on every machine: splitmix64 (Steele, Lea & Flood 2014, "Fast splittable
// pseudorandom number generators"). The standard library's distributions differ between implementations.
#pragma once

#include <cstdint>

namespace presswork::modelkit {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }

  // [0, 1), 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  // [0, n), each value equally likely; n > 0.
  std::uint64_t below(std::uint64_t n) {
    const std::uint64_t limit = -n % n;  // 2^64 mod n: draws under it would favour small values
    for (;;) {
      if (const std::uint64_t draw = next(); draw >= limit) return draw % n;
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace presswork::modelkit
