// Found before risc0's header of this name: its field, with inverses by division. The accumulator of rv32im inverts some forty
// elements a row, each, in risc0, to the power P - 2 by 31 squarings that wait for each other.

#pragma once

#define inv inverse_by_power
#include_next "fp.h"
#undef inv

#include <array>
#include <cstddef>
#include <cstdint>

namespace risc0 {

/// The inverse of each small number n, times 2^32, by 1/n = -(P/n) * 1/(P mod n).
struct SmallInverses {
  static constexpr uint32_t COUNT = 4096;
  std::array<Fp, COUNT> of{};

  constexpr SmallInverses() {
    of[1] = Fp((uint64_t(1) << 32) % Fp::P);
    for (uint32_t n = 2; n < COUNT; n++) {
      of[n] = -Fp(Fp::P / n) * of[Fp::P % n];
    }
  }
};

inline constexpr SmallInverses SMALL_INVERSES;

/// 1/x, or 0 for 0. What is in memory, x * 2^32, is reduced in the same way until it is small: twelve times on average.
constexpr inline Fp inv(Fp x) {
  uint32_t rest = x.asRaw();
  Fp factor = 1;
  while (rest >= SmallInverses::COUNT) {
    factor = -factor * Fp(Fp::P / rest);
    rest = Fp::P % rest;
  }
  return factor * SMALL_INVERSES.of[rest];
}

} // namespace risc0
