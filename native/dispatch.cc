#include "dispatch.h"

#include <cstring>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace densenet {

// The build says which kernels it has: DENSENET_KERNELS(DO) is DO(avx2, float32) DO(portable, float32), for example.
#define DECLARE(ISA, PRECISION) KernelImplementation kernels_##ISA##_##PRECISION(const Call&);
DENSENET_KERNELS(DECLARE)

Precision precisionCalled(const char* name) {
  constexpr const char* NAMES[] = {"float32", "float64", "bfloat16"};
  int number = 0;
  while (number < PRECISIONS && strcmp(name, NAMES[number]) != 0) number++;
  return Precision(number);
}

namespace {

struct Built {
  const char *isa, *precision;
  Implementations implementations;
};

#define ROW(ISA, PRECISION) {#ISA, #PRECISION, kernels_##ISA##_##PRECISION},
constexpr Built BUILT[] = {DENSENET_KERNELS(ROW)};

Kernels kernelsOf(const char* isa) {
  Kernels kernels{};
  for (const auto& [of, precision, implementations] : BUILT) {
    if (strcmp(of, isa) == 0) kernels.of[int(precisionCalled(precision))] = implementations;
  }
  return kernels;
}

#if defined(__x86_64__)
/// What the processor can do and the operating system saves. Asked of the processor itself: the compiler's built-in function for this
/// needs a library, and answers that there is nothing where it is another one's.
struct Features {
  bool avx2 = false, avx512 = false, avx512bf16 = false, amx = false, avxVnni = false, avx512Vnni = false;
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
    constexpr unsigned AMX = 1u << 22 | 1u << 24, TILES = 3u << 17;  // BF16, TILE
    amx = avx512 && (d & AMX) == AMX && (saved & TILES) == TILES && mayUseTiles();
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d)) return;
    avx512bf16 = avx512 && (a >> 5 & 1);
    avxVnni = avx2 && (a >> 4 & 1);
#if defined(DENSENET_PLAYED)
    avx512 = avx512bf16 = amx = avxVnni = avx512Vnni = avx2;
#endif
  }
  /// AMX's registers are so large that Linux has room for a process's only when it asks for it, for all of its threads.
  static bool mayUseTiles() {
#if defined(__linux__)
    constexpr long REQUEST_PERMISSION = 0x1023, TILE_DATA = 18;  // ARCH_REQ_XCOMP_PERM
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return false;
#endif
  }
};

/// Kernels with instructions of their own, which refuse all other calls, on those of the set that they come with.
template <int>
struct Layered {
  static Implementations own, others;
  static KernelImplementation choose(const Call& call) {
    const KernelImplementation kernel = own(call);
    return kernel.refusal ? others(call) : kernel;
  }
  /// Puts them there; false: the build lacks some.
  static bool on(Kernels& kernels, const char* isa, Precision precision) {
    own = kernelsOf(isa).of[int(precision)];
    others = kernels.of[int(precision)];
    if (!own || !others) return false;
    kernels.of[int(precision)] = choose;
    return true;
  }
};
template <int WHICH>
Implementations Layered<WHICH>::own = nullptr;
template <int WHICH>
Implementations Layered<WHICH>::others = nullptr;
#endif

}  // namespace

int availableInstructionSets(InstructionSet* to, int room, Precision precision) {
  int count = 0;
  const auto add = [&](const char* name, const char* title, const Kernels& kernels) {
    if (count < room) to[count++] = {name, title, kernels};
  };
#if defined(__x86_64__)
  const Features processor;
  if (processor.avx512) {
    Kernels kernels = kernelsOf("avx512");
    if (processor.avx512Vnni) Layered<0>::on(kernels, "avx512vnni", Precision::Float32);
    const auto addPairs = [&](const char* name, const char* title, bool (*on)(Kernels&, const char*, Precision)) {
      Kernels pairs = kernels;
      if (!on(pairs, name, precision)) pairs.of[int(precision)] = nullptr;
      add(name, title, pairs);
    };
    const bool isHalf = precision == Precision::BFloat16;
    if (processor.amx && isHalf) addPairs("amx", "AVX-512 with products of bfloat16 by AMX", Layered<3>::on);
    if (processor.avx512bf16 && isHalf) addPairs("avx512bf16", "AVX-512 with products of bfloat16", Layered<1>::on);
    add("avx512", "AVX-512", kernels);
  }
  if (processor.avx2) {
    Kernels kernels = kernelsOf("avx2");
    if (processor.avxVnni) Layered<2>::on(kernels, "avxvnni", Precision::Float32);
    add("avx2", "AVX2", kernels);
  }
#endif
  // The portable build takes what every processor of its architecture has: SSE2 on x86-64, NEON on arm64.
#if defined(__aarch64__)
  add("neon", "NEON", kernelsOf("portable"));
#endif
  add("portable", "portable", kernelsOf("portable"));
#if !defined(__x86_64__)
  (void)precision;
#endif
  return count;
}

InstructionSet instructionSetCalled(const char* name) {
  constexpr Precision ANY[] = {Precision::Float32, Precision::BFloat16};
  for (const Precision precision : ANY) {
    InstructionSet sets[8];
    const int count = availableInstructionSets(sets, 8, precision);
    for (int i = 0; i < count; i++) {
      if (strcmp(name, sets[i].name) == 0) return sets[i];
    }
  }
  return {};
}

}  // namespace densenet
