// What one core reaches in the kernels' register tile (native/kernels/tile.h), all operands in the first-level cache:
//   g++ -std=c++17 -O3 -mavx2 -mfma -Wno-psabi -DVECTOR_WIDTH=8 -DDENSENET_PRECISION=32 -I native/kernels bench/tile.cc -o /tmp/tile && /tmp/tile
// (with AVX-512: -mavx512f -DVECTOR_WIDTH=16). Prints GFLOP/s by steps of a tile: the best, and the median of short measurements,
// which is lower where another thread shares the core.
#include "tile.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

namespace {
double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
alignas(64) Real weights[1 << 14], input[1 << 16], output[1 << 14];
}  // namespace

int main() {
  constexpr int ROWS = 2 * TILE_ROWS, TILES = 4, REPEATS = 40;
  for (const int steps : std::vector<int>{12, 48, 64, 240}) {
    std::vector<double> seconds(5000);
    for (double& each : seconds) {
      const double start = now();
      for (int i = 0; i < REPEATS; i++) {
        const Operands operands{weights, 1, ROWS, input + i % TILES * steps * TILE_PIXELS, TILE_PIXELS, steps};
        multiply<Steps<1, ROWS, TILE_PIXELS>>(operands, ROWS, TILE_VECTORS, output + i % TILES * TILE_PIXELS, TILES * TILE_PIXELS, false);
      }
      each = now() - start;
    }
    std::sort(seconds.begin(), seconds.end());
    const double operations = 2e-9 * REPEATS * ROWS * TILE_PIXELS * steps;
    printf("%3d steps: best %.1f, median %.1f GFLOP/s\n", steps, operations / seconds.front(), operations / seconds[seconds.size() / 2]);
  }
}
