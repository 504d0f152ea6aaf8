// Runs recorded conformance cases (recorded.ts) without Node: on emulated processors, which are slow, and under sanitizers.
//   replay FILE [INSTRUCTION_SET [WORKERS]]        default: all that this processor can run, best first; 2
// Prints for each what failed, by the cases' numbers, and: INSTRUCTION_SET: N passed, N failed, N refused
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../../native/compiled_program.h"
#include "../../native/dispatch.h"
#include "../../native/thread_pool.h"

using namespace densenet;

namespace {

/// One of zeros ends the file, which may be a disk. Behind any other: the encoded program; what the arena holds before the run; of each
/// buffer that is written its Span, and the least and the most, in doubles, that its elements may be after it. The rest of the arena must
/// stay.
struct Head {
  double codeLength, arenaBytes, buffers, batch, learningRate, seed, step, keep, add;
};
struct Span {
  double buffer, bits, offset, elements;
};

[[noreturn]] void fail(const char* why) {
  fprintf(stderr, "error: %s\n", why);
  exit(2);
}

template <class T>
void read(FILE* file, Array<T>& to) {
  if (fread(to.data(), sizeof(T), size_t(to.size()), file) != size_t(to.size())) fail("the recording ends early");
}

bool agree(double least, double x, double most) { return (least <= x && x <= most) || (least != least && x != x); }

/// Element i of a buffer.
double number(int bits, const char* buffer, int64_t i) {
  if (bits == 64) {
    double x;
    memcpy(&x, buffer + i * 8, sizeof x);
    return x;
  }
  uint32_t all = 0;
  if (bits == 32) memcpy(&all, buffer + i * 4, 4);
  else memcpy(reinterpret_cast<char*>(&all) + 2, buffer + i * 2, 2);
  float x;
  memcpy(&x, &all, sizeof x);
  return double(x);
}

/// Whether what the run left of a buffer is as it must be.
bool check(int which, const Span& span, const Array<double>& least, const char* left, const Array<double>& most) {
  for (int64_t i = 0; i < least.size(); i++) {
    const double x = number(int(span.bits), left, i);
    if (agree(least[i], x, most[i])) continue;
    printf("failed: case %d: buffer %d [%lld] is %.17g, not from %.17g to %.17g\n", which, int(span.buffer), static_cast<long long>(i), x,
           least[i], most[i]);
    return false;
  }
  return true;
}

/// Whether all pass that are not refused.
bool replay(const char* path, const InstructionSet& set, int workers) {
  FILE* file = fopen(path, "rb");
  if (!file) fail("the recording cannot be opened");
  ThreadPool pool(workers);
  int passed = 0, failed = 0, refused = 0;
  for (Head head; fread(&head, sizeof head, 1, file) == 1 && head.codeLength > 0;) {
    Array<double> code(int64_t(head.codeLength));
    Array<char> before(int64_t(head.arenaBytes));
    read(file, code);
    read(file, before);
    Memory arena;
    if (!arena.make(before.size())) fail("there is not enough memory");
    memcpy(arena.data, before.data(), size_t(before.size()));

    CompiledProgram program(set.kernels, workers, code.data(), code.size());
    program.place(arena.data);
    const Refusal refusal = program.readCalls();
    if (refusal.why && refusal.call < 0 && program.program.implementations) fail(refusal.why);
    if (!refusal.why) {
      if (!program.allocate() || !program.suffices(int(head.batch))) fail("there is not enough scratch");
      const RunArguments run{int(head.batch), head.learningRate, head.seed, head.step, head.keep, head.add};
      pool.run(program.program, run, program.packs(), nullptr);
    }
    const int which = passed + failed + refused;
    bool isRight = true;
    for (int i = 0; i < int(head.buffers); i++) {
      Array<Span> span(1);
      read(file, span);
      const auto [buffer, bits, offset, elements] = span[0];
      Array<double> least{int64_t(elements)}, most{int64_t(elements)};
      read(file, least);
      read(file, most);
      char* left = arena.data + int64_t(offset);
      isRight = isRight && (refusal.why || check(which, span[0], least, left, most));
      memcpy(before.data() + int64_t(offset), left, size_t(elements * bits / 8));
    }
    if (refusal.why) {
      refused++;
      continue;
    }
    if (isRight && memcmp(before.data(), arena.data, size_t(before.size())) != 0) {
      printf("failed: case %d: something was written that must stay\n", which);
      isRight = false;
    }
    (isRight ? passed : failed)++;
  }
  fclose(file);
  printf("%s: %d passed, %d failed, %d refused\n", set.name, passed, failed, refused);
  return passed > 0 && failed == 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) fail("which recording?");
  InstructionSet sets[8];
  int wanted = 1;
  if (count > 2) sets[0] = instructionSetCalled(arguments[2]);
  else wanted = availableInstructionSets(sets, 8, Precision::Float32);
  if (!sets[0].name) fail("this processor lacks that instruction set");
  const int workers = count > 3 ? atoi(arguments[3]) : 2;
  bool passes = true;
  for (int i = 0; i < wanted; i++) {
    // On arm64 two names are of the same kernels.
    if (i > 0 && sets[i].kernels.of[0] == sets[i - 1].kernels.of[0]) continue;
    passes = replay(arguments[1], sets[i], workers) && passes;
  }
  return !passes;
}
