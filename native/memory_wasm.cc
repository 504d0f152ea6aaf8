// memory.h in WebAssembly, whose memory grows and never shrinks: blocks one behind the other, the smallest free one that fits, neighbours
// that are free made one. Only the thread that compiles programs allocates.
#include "memory_wasm.h"

#include <cstdint>
#include <cstring>

extern "C" char __heap_base;

namespace densenet {

namespace {

constexpr uint64_t LINE = 64, PAGE = 65536;

/// Heads what it describes; all offsets are from the start of the memory.
struct alignas(LINE) Block {
  uint64_t end;     // of its contents, which begin behind this head
  uint64_t before;  // the block before it; 0: it is the first
  bool isFree;
};

uint64_t first = 0, last = 0;  // blocks; 0: there are none yet
uint64_t touched = 0;          // behind it all memory is as it came: zeros

Block& at(uint64_t offset) { return *reinterpret_cast<Block*>(uintptr_t(offset)); }
uint64_t contentOf(uint64_t block) { return block + sizeof(Block); }
uint64_t roomOf(uint64_t block) { return at(block).end - contentOf(block); }
uint64_t roundUp(uint64_t n, uint64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

/// Places a block at an offset, behind another.
void put(uint64_t offset, uint64_t end, uint64_t before, bool isFree) {
  at(offset) = {end, before, isFree};
  touched = touched > contentOf(offset) ? touched : contentOf(offset);
}

/// A block at the end of the memory, 0 when it cannot grow so far.
uint64_t append(uint64_t bytes) {
  const uint64_t start = last ? at(last).end : roundUp(uintptr_t(&__heap_base), LINE);
  const uint64_t end = contentOf(start) + bytes, have = uint64_t(__builtin_wasm_memory_size(0)) * PAGE;
  if (end > have) {
    const uint64_t pages = (end - have + PAGE - 1) / PAGE;
    if (pages > 65536 || __builtin_wasm_memory_grow(0, size_t(pages)) == size_t(-1)) return 0;
  }
  put(start, end, last, true);
  if (!first) first = start;
  return last = start;
}

uint64_t smallestThatFits(uint64_t bytes) {
  uint64_t best = 0;
  for (uint64_t block = first; block; block = block == last ? 0 : at(block).end) {
    if (at(block).isFree && roomOf(block) >= bytes && (!best || roomOf(block) < roomOf(best))) best = block;
  }
  return best;
}

/// Leaves what it does not need as a free block of its own. The last one is never free, and was made as large as it must be.
void cut(uint64_t block, uint64_t bytes) {
  const uint64_t rest = contentOf(block) + bytes, end = at(block).end;
  if (end < contentOf(rest) + LINE) return;
  put(rest, end, block, true);
  at(end).before = rest;
  at(block).end = rest;
}

/// Makes a block and the one behind it one.
void join(uint64_t block) {
  const uint64_t other = at(block).end;
  at(block).end = at(other).end;
  if (other == last) last = block;
  else at(at(block).end).before = block;
}

/// A free block at the end goes, so that what comes next need not fit behind it.
void dropLast() {
  const uint64_t before = at(last).before;
  if (!before) first = 0;
  last = before;
}

}  // namespace

// Behind each kernels may read one vector.
void* allocateZeroed(size_t bytes) {
  const uint64_t room = roundUp(uint64_t(bytes) + LINE, LINE);
  uint64_t block = smallestThatFits(room);
  if (!block) block = append(room);
  if (!block) return nullptr;
  cut(block, room);
  at(block).isFree = false;
  const uint64_t start = contentOf(block), end = at(block).end, used = end < touched ? end : touched;
  if (used > start) memset(reinterpret_cast<void*>(uintptr_t(start)), 0, size_t(used - start));
  touched = touched > end ? touched : end;
  return reinterpret_cast<void*>(uintptr_t(start));
}

void freeMemory(void* memory, size_t) {
  if (!memory) return;
  uint64_t block = uintptr_t(memory) - sizeof(Block);
  at(block).isFree = true;
  if (block != last && at(at(block).end).isFree) join(block);
  const uint64_t before = at(block).before;
  if (before && at(before).isFree) join(block = before);
  if (block == last) dropLast();
}

double usedBytes() {
  uint64_t bytes = 0;
  for (uint64_t block = first; block; block = block == last ? 0 : at(block).end) bytes += at(block).isFree ? 0 : roomOf(block);
  return double(bytes);
}

void forget(void*, size_t) {}

void guard(void*, size_t) {}

}  // namespace densenet
