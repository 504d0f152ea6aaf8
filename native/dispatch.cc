#include "dispatch.h"

#include <cstring>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace densenet {

KernelImplementation portableImplementations(const Call&);
#if defined(__x86_64__)
KernelImplementation avx2Implementations(const Call&);
KernelImplementation avx512Implementations(const Call&);
// kernels/quantized.cc
KernelImplementation avxvnniImplementations(const Call&);
KernelImplementation avx512vnniImplementations(const Call&);
#endif

#if defined(__x86_64__)
namespace {
/// What the processor can do and the operating system saves. Asked of the processor itself: the compiler's built-in function for this
/// needs a library, and answers that there is nothing where it is another one's.
struct Features {
  bool avx2 = false, avx512 = false, avxVnni = false, avx512Vnni = false;
  Features() {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return;
    const bool fma = c >> 12 & 1, osSaves = c >> 27 & 1;
    if (!osSaves || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
    unsigned saved, high;
    asm volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
    constexpr unsigned YMM = 0x06, ZMM = 0xe6;  // with the registers below and, of AVX-512, the masks
    constexpr unsigned AVX2 = 1u << 5, AVX512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;  // F, DQ, BW, VL
    avx2 = fma && (b & AVX2) && (saved & YMM) == YMM;
    avx512 = avx2 && (b & AVX512) == AVX512 && (saved & ZMM) == ZMM;
    avx512Vnni = avx512 && (c >> 11 & 1);
    avxVnni = avx2 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
  }
};

/// Layers in int8 by VNNI, all else as in the set that it comes with.
template <Implementations OTHERS, Implementations QUANTIZED>
KernelImplementation withVnni(const Call& call) {
  return (call.kernel == Kernel::QuantizedDenseLayerForward ? QUANTIZED : OTHERS)(call);
}
}  // namespace
#endif

int availableInstructionSets(InstructionSet* to, int room) {
  int count = 0;
  const auto add = [&](const char* name, const char* title, Implementations implementations) {
    if (count < room) to[count++] = {name, title, implementations};
  };
#if defined(__x86_64__)
  const Features processor;
  const auto avx512 = processor.avx512Vnni ? withVnni<avx512Implementations, avx512vnniImplementations> : avx512Implementations;
  const auto avx2 = processor.avxVnni ? withVnni<avx2Implementations, avxvnniImplementations> : avx2Implementations;
  if (processor.avx512) add("avx512", "AVX-512", avx512);
  if (processor.avx2) add("avx2", "AVX2", avx2);
#endif
  // The portable build takes what every processor of its architecture has: SSE2 on x86-64, NEON on arm64.
#if defined(__aarch64__)
  add("neon", "NEON", portableImplementations);
#endif
  add("portable", "portable", portableImplementations);
  return count;
}

InstructionSet chooseInstructionSet(const char* name) {
  InstructionSet sets[8];
  const int count = availableInstructionSets(sets, 8);
  for (int i = 0; i < count; i++) {
    if (name == nullptr || strcmp(name, sets[i].name) == 0) return sets[i];
  }
  return {};
}

}  // namespace densenet
