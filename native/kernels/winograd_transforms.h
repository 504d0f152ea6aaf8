// Winograd's algorithm for 3x3 convolutions (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016): a tile of
// SIDE x SIDE outputs from N x N inputs d, N = SIDE + 2, and a filter g with N x N multiplications instead of 9 SIDE x SIDE,
//
//   Y = A' [ (G g G') . (B' d B) ] A        ' transposes, . multiplies element by element
//
// Summed over channels each of the N x N elements ("points") is a matrix product of its own. The gradient at g is
// G' [ (A dY A') . (B' d B) ] G summed over tiles: as many products again.
//
// The matrices interpolate polynomials: at 0, 1, -1 and infinity for F(2x2, 3x3), at 0, a, -a, b, -b and infinity for F(4x4,
// 3x3). With a = 3/4 and b = 3/2 the errors are a quarter of those with the usual 1 and 2, and hardly larger than without
// Winograd (1e-6 of the largest value).
#pragma once
#include "transpose.h"

namespace {
namespace winograd {

/// The transforms of one line: input is B' d, output A' m, filter G g, outputGradient A y, filterGradient G' u.
template <int SIDE>
struct Lines;

template <>
struct Lines<2> {
  static void input(const Vec (&d)[4], Vec (&t)[4]) {
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[1] - d[3];
  }
  static void output(const Vec (&m)[4], Vec (&y)[2]) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] - m[3];
  }
  static void filter(const Vec (&g)[3], Vec (&t)[4]) {
    const Vec half = broadcast(0.5), ends = half * (g[0] + g[2]), middle = half * g[1];
    t[0] = g[0];
    t[1] = ends + middle;
    t[2] = ends - middle;
    t[3] = g[2];
  }
};

template <>
struct Lines<4> {
  static constexpr Real A = 0.75, A2 = A * A, A3 = A2 * A, B = 1.5, B2 = B * B, B3 = B2 * B;
  /// What the values at the points 0, a or -a, b or -b are divided by.
  static constexpr Real AT_0 = 1 / (A2 * B2), AT_A = 1 / (2 * A2 * (A2 - B2)), AT_B = 1 / (2 * B2 * (B2 - A2));

  static void input(const Vec (&d)[6], Vec (&t)[6]) {
    const Vec a = broadcast(A), a2 = broadcast(A2), b = broadcast(B), b2 = broadcast(B2);
    const Vec product = broadcast(A2 * B2), sum = broadcast(A2 + B2);
    const Vec evenA = d[4] - b2 * d[2], oddA = d[3] - b2 * d[1], evenB = d[4] - a2 * d[2], oddB = d[3] - a2 * d[1];
    t[0] = product * d[0] + (d[4] - sum * d[2]);
    t[1] = evenA + a * oddA;
    t[2] = evenA - a * oddA;
    t[3] = evenB + b * oddB;
    t[4] = evenB - b * oddB;
    t[5] = product * d[1] + (d[5] - sum * d[3]);
  }
  static void output(const Vec (&m)[6], Vec (&y)[4]) {
    const Vec sumA = m[1] + m[2], differenceA = m[1] - m[2], sumB = m[3] + m[4], differenceB = m[3] - m[4];
    y[0] = m[0] + sumA + sumB;
    y[1] = broadcast(A) * differenceA + broadcast(B) * differenceB;
    y[2] = broadcast(A2) * sumA + broadcast(B2) * sumB;
    y[3] = broadcast(A3) * differenceA + (broadcast(B3) * differenceB + m[5]);
  }
  static void filter(const Vec (&g)[3], Vec (&t)[6]) {
    const Vec evenA = broadcast(AT_A) * g[0] + broadcast(AT_A * A2) * g[2], oddA = broadcast(AT_A * A) * g[1];
    const Vec evenB = broadcast(AT_B) * g[0] + broadcast(AT_B * B2) * g[2], oddB = broadcast(AT_B * B) * g[1];
    t[0] = broadcast(AT_0) * g[0];
    t[1] = evenA + oddA;
    t[2] = evenA - oddA;
    t[3] = evenB + oddB;
    t[4] = evenB - oddB;
    t[5] = g[2];
  }
  static void outputGradient(const Vec (&y)[4], Vec (&t)[6]) {
    const Vec evenA = y[0] + broadcast(A2) * y[2], oddA = broadcast(A) * y[1] + broadcast(A3) * y[3];
    const Vec evenB = y[0] + broadcast(B2) * y[2], oddB = broadcast(B) * y[1] + broadcast(B3) * y[3];
    t[0] = y[0];
    t[1] = evenA + oddA;
    t[2] = evenA - oddA;
    t[3] = evenB + oddB;
    t[4] = evenB - oddB;
    t[5] = y[3];
  }
  static void filterGradient(const Vec (&u)[6], Vec (&g)[3]) {
    const Vec sumA = broadcast(AT_A) * (u[1] + u[2]), differenceA = broadcast(AT_A) * (u[1] - u[2]);
    const Vec sumB = broadcast(AT_B) * (u[3] + u[4]), differenceB = broadcast(AT_B) * (u[3] - u[4]);
    g[0] = broadcast(AT_0) * u[0] + (sumA + sumB);
    g[1] = broadcast(A) * differenceA + broadcast(B) * differenceB;
    g[2] = broadcast(A2) * sumA + (broadcast(B2) * sumB + u[5]);
  }
};

/// A transform in both directions of N x N vectors to M x M: element (y, x) is at from + y * rowStep + x * step. The empty
/// instructions keep compilers from making a pointer for each element: one that moves on, and distances from it, do.
template <int N, int M, class Line>
inline __attribute__((always_inline)) void transformTile(Line line, const Real* from, int64_t rowStep, int64_t step, Real* to,
                                                         int64_t toRowStep, int64_t toStep) {
  Vec columns[N][M];
#pragma GCC unroll 6
  for (int x = 0; x < N; x++, from += step) {
    asm("" : "+r"(from));
    Vec in[N];
#pragma GCC unroll 6
    for (int y = 0; y < N; y++) in[y] = load(from + y * rowStep);
    line(in, columns[x]);
  }
#pragma GCC unroll 6
  for (int y = 0; y < M; y++, to += toRowStep) {
    asm("" : "+r"(to));
    Vec in[N], out[M];
#pragma GCC unroll 6
    for (int x = 0; x < N; x++) in[x] = columns[x][y];
    line(in, out);
#pragma GCC unroll 6
    for (int x = 0; x < M; x++) store(to + x * toStep, out[x]);
  }
}

/// G g G' of filters that lie `filterStep` apart, a vector of them at a time: to[point * pointStep + filter]. `turned` by half a
/// turn, as a gradient goes backward through them.
template <int SIDE>
inline void transformFilters(const Real* filters, int64_t filterStep, int count, bool turned, Real* to, int64_t pointStep) {
  constexpr int N = SIDE + 2;
  for (int j = 0; j < count; j += WIDTH) {
    Real taps[9 * WIDTH];
    transpose(filters + j * filterStep, filterStep, smaller(WIDTH, count - j), 9, taps, WIDTH);
    const int64_t step = turned ? -WIDTH : WIDTH;
    transformTile<3, N>(Lines<SIDE>::filter, taps + (turned ? 8 * WIDTH : 0), 3 * step, step, to + j, N * pointStep, pointStep);
  }
}

}  // namespace winograd
}  // namespace
