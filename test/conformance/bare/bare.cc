// All that an emulated computer needs to run one program of Linux', linked statically: in its place. Linux itself takes the emulator three
// quarters of the time to boot. The program is the boot loader's module, its words the module's command line; it prints to the serial port, the
// one file is the first disk, there is one thread, and memory is never short. What it asks for beyond that, it is refused.
#include <stdint.h>

extern "C" void systemCall();
extern "C" void exception();

namespace {

typedef unsigned long Word;

void out8(uint16_t port, uint8_t x) { asm volatile("outb %0, %1" : : "a"(x), "Nd"(port)); }
uint8_t in8(uint16_t port) {
  uint8_t x;
  asm volatile("inb %1, %0" : "=a"(x) : "Nd"(port));
  return x;
}
void setRegister(uint32_t which, Word x) { asm volatile("wrmsr" : : "c"(which), "a"(uint32_t(x)), "d"(uint32_t(x >> 32))); }
void fill(void* to, Word bytes, uint8_t x) { asm volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(x) : "memory"); }
void copy(void* to, const void* from, Word bytes) { asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory"); }

// ---- the serial port --------------------------------------------------------------------------------------------

constexpr uint16_t SERIAL = 0x3f8, SERIAL_STATUS = SERIAL + 5;

void openSerial() { out8(SERIAL + 3, 3); }  // bytes of eight bits

void print(const char* text, Word length) {
  for (Word i = 0; i < length; i++) {
    while (!(in8(SERIAL_STATUS) & 0x20)) {
    }
    out8(SERIAL, uint8_t(text[i]));
  }
}
void print(const char* text) {
  Word length = 0;
  while (text[length]) length++;
  print(text, length);
}
void printHex(Word x) {
  for (int bits = 60; bits >= 0; bits -= 4) print(&"0123456789abcdef"[x >> bits & 15], 1);
}

/// Bochs is told so at a port of its own.
[[noreturn]] void powerOff() {
  while (!(in8(SERIAL_STATUS) & 0x40)) {
  }
  for (;;) {
    for (const char* c = "Shutdown"; *c; c++) out8(0x8900, uint8_t(*c));
  }
}

// ---- the disk: ATA, by the processor ----------------------------------------------------------------------------

constexpr Word SECTOR = 512;
constexpr uint16_t DISK = 0x1f0, DISK_STATUS = DISK + 7;
alignas(16) char sector[SECTOR];

void readSector(Word number) {
  out8(DISK + 2, 1);
  for (int i = 0; i < 3; i++) out8(uint16_t(DISK + 3 + i), uint8_t(number >> 8 * i));
  out8(DISK + 6, uint8_t(0xe0 | (number >> 24 & 15)));
  out8(DISK_STATUS, 0x20);  // the command to read
  while ((in8(DISK_STATUS) & 0x88) != 0x08) {
  }
  void* to = sector;
  Word count = SECTOR / 4;
  asm volatile("rep insl" : "+D"(to), "+c"(count) : "d"(DISK) : "memory");
}

Word position = 0;

void readDisk(char* to, Word bytes) {
  for (Word done = 0; done < bytes;) {
    const Word inside = position % SECTOR, some = SECTOR - inside < bytes - done ? SECTOR - inside : bytes - done;
    readSector(position / SECTOR);
    copy(to + done, sector + inside, some);
    done += some;
    position += some;
  }
}

// ---- memory: pages, first fit -----------------------------------------------------------------------------------

constexpr Word PAGE = 4096, FIRST = Word(64) << 20, PAGES = (Word(960) << 20) / PAGE - FIRST / PAGE;
bool taken[PAGES];
Word firstFree = 0;

Word pagesOf(Word bytes) { return (bytes + PAGE - 1) / PAGE; }

/// 0: there is none.
Word map(Word bytes) {
  const Word wanted = pagesOf(bytes);
  while (firstFree < PAGES && taken[firstFree]) firstFree++;
  Word start = firstFree;
  for (Word page = start; page < PAGES && page - start < wanted; page++) {
    if (taken[page]) start = page + 1;
  }
  if (start + wanted > PAGES) return 0;
  fill(taken + start, wanted, true);
  void* memory = reinterpret_cast<void*>(FIRST + start * PAGE);
  fill(memory, wanted * PAGE, 0);
  return Word(memory);
}
void unmap(Word address, Word bytes) {
  const Word start = (address - FIRST) / PAGE;
  fill(taken + start, pagesOf(bytes), false);
  if (start < firstFree) firstFree = start;
}

// ---- the program ------------------------------------------------------------------------------------------------

struct Module {
  uint32_t start, end, words, reserved;
};
struct BootInformation {
  uint32_t flags, memory[2], device, commandLine, modules, module;
};
struct Elf {
  char identity[16];
  uint16_t type, machine;
  uint32_t version;
  uint64_t entry, segments, sections;
  uint32_t flags;
  uint16_t size, segmentSize, segmentCount;
};
struct Segment {
  uint32_t type, flags;
  uint64_t offset, address, physical, inFile, inMemory, alignment;
};

/// Returns where it finds its own segments.
Word load(const Elf& elf) {
  const char* file = reinterpret_cast<const char*>(&elf);
  Word segments = 0;
  for (int i = 0; i < elf.segmentCount; i++) {
    const Segment& segment = reinterpret_cast<const Segment*>(file + elf.segments)[i];
    if (segment.type != 1) continue;
    char* to = reinterpret_cast<char*>(segment.address);
    copy(to, file + segment.offset, segment.inFile);
    fill(to + segment.inFile, segment.inMemory - segment.inFile, 0);
    if (elf.segments - segment.offset < segment.inFile) segments = segment.address + elf.segments - segment.offset;
  }
  return segments;
}

struct Gate {
  uint16_t low, segment, type, middle;
  uint32_t high, reserved;
};
Gate gates[32];

void takeExceptions() {
  const Word to = Word(exception);
  for (Gate& gate : gates) gate = {uint16_t(to), 8, 0x8e00, uint16_t(to >> 16), uint32_t(to >> 32), 0};
  const struct __attribute__((packed)) {
    uint16_t limit;
    const Gate* first;
  } table{sizeof gates - 1, gates};
  asm volatile("lidt %0" : : "m"(table));
}

/// All registers that the processor has may be used.
void allowRegisters() {
  uint32_t a = 13, b, c = 0, d;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  asm volatile("xsetbv" : : "a"(a & 0x600e7), "d"(0), "c"(0));  // x87, SSE, AVX, AVX-512, AMX
}

void allowSystemCalls() {
  setRegister(0xc0000081, Word(8) << 32);  // STAR: the segments
  setRegister(0xc0000082, Word(systemCall));
  setRegister(0xc0000084, 0);
}

enum : long { NO_SUCH_CALL = -38, NO_MEMORY = -12, NO_TERMINAL = -25, TRY_AGAIN = -11 };
struct Part {
  char* base;
  Word length;
};

}  // namespace

/// By Linux' numbers; of no call that is known here the further arguments matter.
extern "C" long answer(Word number, Word a, Word b, Word c) {
  switch (number) {
    case 0: readDisk(reinterpret_cast<char*>(b), c); return long(c);
    case 1: print(reinterpret_cast<const char*>(b), c); return long(c);
    case 2: case 257: position = 0; return 3;  // open, openat
    case 3: case 10: case 13: case 14: case 24: case 28: case 202: return 0;  // close, mprotect, signals, yield, madvise, futex
    case 9: {
      const Word memory = map(b);
      return memory ? long(memory) : NO_MEMORY;
    }
    case 11: unmap(a, b); return 0;
    case 16: return NO_TERMINAL;
    case 19: case 20: {  // readv, writev
      long all = 0;
      for (const Part *part = reinterpret_cast<const Part*>(b), *end = part + c; part < end; part++) {
        if (number == 19) readDisk(part->base, part->length);
        else print(part->base, part->length);
        all += long(part->length);
      }
      return all;
    }
    case 56: return TRY_AGAIN;  // another thread
    case 60: case 231: powerOff();
    case 158:
      if (a != 0x1002) return NO_SUCH_CALL;
      setRegister(0xc0000100, b);  // where a thread's variables are
      return 0;
    case 218: return 1;
    default: return NO_SUCH_CALL;
  }
}

extern "C" [[noreturn]] void end(Word first, Word second) {
  print("exception at ");
  printHex(first);
  print(" or, with an error code before, ");
  printHex(second);
  print("\n");
  powerOff();
}

extern "C" [[noreturn]] void boot(const BootInformation* information) {
  openSerial();
  takeExceptions();
  allowRegisters();
  allowSystemCalls();
  const Module& module = *reinterpret_cast<const Module*>(Word(information->module));
  const Elf& elf = *reinterpret_cast<const Elf*>(Word(module.start));
  char* words = reinterpret_cast<char*>(map(PAGE));
  constexpr Word STACK = Word(4) << 20;
  Word* stack = reinterpret_cast<Word*>(map(STACK) + STACK) - 64;
  Word* to = stack + 1;
  for (const char* from = reinterpret_cast<const char*>(Word(module.words)); *from;) {
    *to++ = Word(words);
    while (*from && *from != ' ') *words++ = *from++;
    *words++ = 0;
    while (*from == ' ') from++;
  }
  stack[0] = Word(to - stack - 1);
  *to++ = 0;  // of the words; no environment
  *to++ = 0;
  // What Linux tells a program: its segments, the size of a page, some random bytes.
  const Word facts[] = {3, load(elf), 4, elf.segmentSize, 5, elf.segmentCount, 6, PAGE, 25, Word(stack), 0, 0};
  for (const Word fact : facts) *to++ = fact;
  asm volatile("movq %0, %%rsp; xorl %%edx, %%edx; jmp *%1" : : "r"(stack), "r"(elf.entry));
  __builtin_unreachable();
}
