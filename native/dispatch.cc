#include "dispatch.h"

#include <cstring>

namespace densenet {

KernelImplementation portableImplementations(const Call&);
#if defined(__x86_64__)
KernelImplementation avx2Implementations(const Call&);
KernelImplementation avx512Implementations(const Call&);
#endif

int availableInstructionSets(InstructionSet* to, int room) {
  int count = 0;
  const auto add = [&](const char* name, const char* title, Implementations implementations) {
    if (count < room) to[count++] = {name, title, implementations};
  };
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    add("avx512", "AVX-512", avx512Implementations);
  }
  if (avx2) add("avx2", "AVX2", avx2Implementations);
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
