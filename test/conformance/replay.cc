// Runs recorded conformance cases (recorded.ts) without Node: on emulated processors, which are slow, and under sanitizers.
//   replay FILE [INSTRUCTION_SET]        default: all that this processor can run, best first
// Prints for each what failed, by the cases' numbers, and: INSTRUCTION_SET: N passed, N failed, N refused
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "../../native/compiled_program.h"
#include "../../native/dispatch.h"
#include "../../native/thread_pool.h"

using namespace densenet;

namespace {

constexpr int WORKERS = 2;

/// One of zeros ends the file, which may be a disk. Behind any other: the encoded program; what the arena holds before the run; the least and the most it may hold after it.
struct Head {
  double codeLength, arenaElements, batch, learningRate, seed, step, keep, add;
};

[[noreturn]] void fail(const char* why) {
  fprintf(stderr, "error: %s\n", why);
  exit(2);
}

template <class T>
void read(FILE* file, Array<T>& to) {
  if (fread(to.data(), sizeof(T), size_t(to.size()), file) != size_t(to.size())) fail("the recording ends early");
}

bool agree(float least, float x, float most) { return (least <= x && x <= most) || (least != least && x != x); }

/// Whether what the run left is as it must be.
bool check(int number, const Array<float>& least, const float* left, const Array<float>& most) {
  for (int64_t i = 0; i < least.size(); i++) {
    if (agree(least[i], left[i], most[i])) continue;
    printf("failed: case %d: arena[%lld] is %.9g, not from %.9g to %.9g\n", number, static_cast<long long>(i), double(left[i]),
           double(least[i]), double(most[i]));
    return false;
  }
  return true;
}

/// Whether all pass that are not refused.
bool replay(const char* path, const InstructionSet& set) {
  FILE* file = fopen(path, "rb");
  if (!file) fail("the recording cannot be opened");
  ThreadPool pool(WORKERS);
  int passed = 0, failed = 0, refused = 0;
  for (Head head; fread(&head, sizeof head, 1, file) == 1 && head.codeLength > 0;) {
    const int64_t elements = int64_t(head.arenaElements);
    Array<double> code(int64_t(head.codeLength));
    Array<float> before(elements), least(elements), most(elements);
    read(file, code);
    for (auto* numbers : {&before, &least, &most}) read(file, *numbers);
    Memory arena;
    if (!arena.make(elements)) fail("there is not enough memory");
    memcpy(arena.data, before.data(), size_t(elements) * sizeof(float));

    CompiledProgram program(set.implementations, WORKERS, code.data(), code.size());
    program.place(arena.data);
    const Refusal refusal = program.readCalls();
    if (refusal.call >= 0) {
      refused++;
      continue;
    }
    if (refusal.why) fail(refusal.why);
    if (!program.allocate() || !program.suffices(int(head.batch))) fail("there is not enough scratch");
    const RunArguments run{int(head.batch), float(head.learningRate), head.seed, head.step, head.keep, head.add};
    pool.run(program.program, run, program.packs(), nullptr);
    const bool isRight = check(passed + failed + refused, least, arena.data, most);
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
  if (count > 2) sets[0] = chooseInstructionSet(arguments[2]);
  else wanted = availableInstructionSets(sets, 8);
  if (!sets[0].implementations) fail("this processor lacks that instruction set");
  bool passes = true;
  for (int i = 0; i < wanted; i++) {
    // On arm64 two names are of the same kernels.
    if (i > 0 && sets[i].implementations == sets[i - 1].implementations) continue;
    passes = replay(arguments[1], sets[i]) && passes;
  }
  return !passes;
}
