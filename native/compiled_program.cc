#include "compiled_program.h"

#include <cstring>
#include <initializer_list>

namespace densenet {

namespace {
int64_t roundToLine(int64_t bytes) { return (bytes + 63) / 64 * 64; }

/// A page apart, so that two workers never write to the same cache line.
int64_t apart(int64_t bytes) { return (bytes + 4096 + 4095) / 4096 * 4096; }

/// Nothing may touch what is behind a share of `bytes`.
void guardShares(const Memory& memory, int64_t bytes, int shares) {
  for (int i = 0; i < shares; i++) guard(memory.data + i * apart(bytes) + bytes, size_t(apart(bytes) - bytes));
}

int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
}  // namespace

void Needs::add(Implementations implementations, const Array<Call>& calls, int batch) {
  shared = larger(shared, sharedBytes(implementations, calls.data(), int(calls.size()), batch));
  local = larger(local, localBytes(implementations, calls.data(), int(calls.size()), batch));
}

int64_t Needs::bytes(int workers) const {
  return sharers * apart(shared) + workers * apart(local) + packed + arenas;
}

CompiledProgram::CompiledProgram(const Kernels& kernels, int workers, const double* from, int64_t count)
    : workers(workers), code_(count), decoder_(nullptr, nullptr) {
  if (count > 0) memcpy(code_.data(), from, size_t(count) * sizeof(double));
  program.codeEnd = code_.end();
  decoder_ = Decoder(code_.begin(), code_.end());
  if (decoder_.begins()) outline = decoder_.outline();
  program.implementations = kernels.of[int(decoder_.precision())];
  // Each is at least one number, so there are no more than numbers.
  if (!decoder_.good() || outline.buffers > count || outline.calls > count) outline = {};
  buffers.make(outline.buffers);
  for (Buffer& buffer : buffers) buffer = decoder_.buffer();
}

void CompiledProgram::place(char* arena) {
  program.place = {buffers.data(), buffers.size(), arena, 0, decoder_.precision()};
  decoder_.place(program.place);
}

Refusal CompiledProgram::readCalls() {
  if (!program.implementations) return {NO_KERNELS};
  calls_.make(outline.calls);
  for (int64_t i = 0; i < calls_.size() && decoder_.good(); i++) {
    calls_[i] = decoder_.call();
    const char* why = program.implementations(calls_[i]).refusal;
    if (why) return {why, i};
  }
  if (calls_.size() == 0 || !decoder_.atEnd()) return {"this is no program of the addon's vocabulary"};
  program.calls = calls_.data();
  program.callCount = int(calls_.size());
  findNeeds();
  return {};
}

/// What kernels lay out does not grow with the batch alone: a smaller one may be cut into larger parts. So every batch up to the
/// planned one is asked, and the most of all is taken. Calls that will find their weights packed are
/// told so, at a made-up place.
void CompiledProgram::findNeeds() {
  if (!outline.imageByImage) {
    for (int n = 1; n <= outline.batchSize; n++) needs.add(program.implementations, calls_, n);
    return;
  }
  static const char somewhere = 0;
  for (Call& call : calls_) {
    const auto bytes = program.implementations(call).packedBytes;
    call.packed = bytes ? &somewhere : nullptr;
    if (bytes) needs.packed += roundToLine(bytes(call));
  }
  needs.arenas = (workers - 1) * outline.arenaBytes;
  needs.sharers = workers;
  for (const int sharing : {1, workers}) {
    for (Call& call : calls_) call.workers = sharing;
    needs.add(program.implementations, calls_, 1);
  }
}

bool CompiledProgram::allocate() {
  const bool enough = shared_.make(needs.sharers * apart(needs.shared)) && local_.make(workers * apart(needs.local)) && packed_.make(needs.packed) &&
                      arenas_.make(needs.arenas);
  if (!enough) return false;
  guardShares(shared_, needs.shared, needs.sharers);
  guardShares(local_, needs.local, workers);
  program.shared = shared_.data;
  program.local = local_.data;
  program.localBytes = apart(needs.local);
  program.fixedParameters = outline.fixedParameters;
  program.imageByImage = outline.imageByImage;
  if (program.imageByImage) program.sharedBytes = apart(needs.shared);
  program.arenas = arenas_.data;
  program.arenaBytes = outline.arenaBytes;
  char* packed = packed_.data;
  for (Call& call : calls_) {
    if (!call.packed) continue;
    call.packed = packed;
    packed += roundToLine(program.implementations(call).packedBytes(call));
  }
  return true;
}

bool CompiledProgram::suffices(int batch) const {
  if (program.imageByImage) return true;
  Needs wanted;
  wanted.add(program.implementations, calls_, batch);
  return wanted.shared <= needs.shared && wanted.local <= needs.local;
}

}  // namespace densenet
