// Node-API glue: buffers, compiled programs, runs off the event loop. It turns JavaScript values into plain structs on
// the main thread; nothing of Node-API is touched while a program runs.
#include <napi.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "decode.h"
#include "dispatch.h"
#include "memory.h"
#include "thread_pool.h"

namespace {

using namespace densenet;

struct Memory {
  Element* data;
  int64_t elements;
  explicit Memory(int64_t elements) : data(static_cast<Element*>(allocateZeroed(bytes(elements)))), elements(elements) {}
  ~Memory() { freeMemory(data, bytes(elements)); }
  Memory(const Memory&) = delete;
  static size_t bytes(int64_t elements) { return size_t(elements) * sizeof(Element); }
};
using SharedMemory = std::shared_ptr<Memory>;

// Handles are externals that hold a shared_ptr: a program keeps its buffers alive, whoever is disposed first.
template <class T>
Napi::Value wrap(Napi::Env env, std::shared_ptr<T> value) {
  auto* holder = new std::shared_ptr<T>(std::move(value));
  return Napi::External<std::shared_ptr<T>>::New(env, holder, [](Napi::Env, std::shared_ptr<T>* h) { delete h; });
}
template <class T>
std::shared_ptr<T>& unwrap(Napi::Value value) {
  return *value.As<Napi::External<std::shared_ptr<T>>>().Data();
}

// ---- buffers ----------------------------------------------------------------------------------------------------

Napi::Value createBuffer(const Napi::CallbackInfo& info) {
  auto memory = std::make_shared<Memory>(info[0].As<Napi::Number>().Int64Value());
  if (!memory->data) return info.Env().Null();
  return wrap(info.Env(), std::move(memory));
}

/// The checks of ranges are in backend.ts.
void writeBuffer(const Napi::CallbackInfo& info) {
  const auto& memory = unwrap<Memory>(info[0]);
  if (!memory) return;
  const auto data = info[1].As<Napi::Float32Array>();
  memcpy(memory->data + info[2].As<Napi::Number>().Int64Value(), data.Data(), data.ByteLength());
}

void readBuffer(const Napi::CallbackInfo& info) {
  const auto& memory = unwrap<Memory>(info[0]);
  if (!memory) return;
  auto data = info[1].As<Napi::Float32Array>();
  memcpy(data.Data(), memory->data + info[2].As<Napi::Number>().Int64Value(), data.ByteLength());
}

template <class T>
void release(const Napi::CallbackInfo& info) {
  unwrap<T>(info[0]).reset();
}

// ---- programs ---------------------------------------------------------------------------------------------------

int64_t roundToLine(int64_t floats) { return (floats + 15) / 16 * 16; }

/// A page apart, so that two workers never write to the same cache line.
int64_t apart(int64_t bytes) { return (bytes + 4096 + 4095) / 4096 * 4096; }

/// What a program needs besides its buffers.
struct Needs {
  int64_t shared = 0, local = 0;   // bytes of scratch; local: of each worker
  int64_t packed = 0, arenas = 0;  // floats, elements
  int sharers = 1;                 // workers that need a `shared` each
  int64_t bytes(int workers) const {
    return sharers * apart(shared) + workers * apart(local) + packed * int64_t(sizeof(float)) + arenas * int64_t(sizeof(Element));
  }

  /// Takes what calls need for a batch.
  void add(Implementations implementations, const std::vector<Call>& calls, int batch) {
    shared = std::max(shared, sharedBytes(implementations, calls.data(), int(calls.size()), batch));
    local = std::max(local, localBytes(implementations, calls.data(), int(calls.size()), batch));
  }
};

void raise(Napi::Env env, const std::string& why) { Napi::Error::New(env, why).ThrowAsJavaScriptException(); }

/// A program as it comes, with the memory of its buffers or without.
struct DecodedProgram {
  std::vector<double> code;
  Outline outline{};
  std::vector<Buffer> buffers;
  std::vector<Call> calls;
};

/// Why a call cannot be run, or nothing.
std::string refusal(Implementations implementations, const Call& call) {
  const char* why = implementations(call).refusal;
  return why ? std::string("the native backend ") + why : "";
}

/// Reads up to the calls; throws where that is no program.
Decoder begin(Napi::Float64Array from, DecodedProgram& to) {
  to.code.assign(from.Data(), from.Data() + from.ElementLength());
  Decoder decoder(to.code.data(), to.code.data() + to.code.size());
  if (decoder.begins()) to.outline = decoder.outline();
  for (int64_t i = 0; i < to.outline.buffers && decoder.good(); i++) to.buffers.push_back(decoder.buffer());
  return decoder;
}

/// Throws where it is no program, or one of its calls cannot be run.
void readCalls(Napi::Env env, Implementations implementations, Decoder& decoder, DecodedProgram& to) {
  for (int64_t i = 0; i < to.outline.calls && decoder.good(); i++) {
    to.calls.push_back(decoder.call());
    const std::string why = refusal(implementations, to.calls.back());
    if (!why.empty()) return raise(env, "call " + std::to_string(i) + ": " + why);
  }
  if (to.calls.empty() || !decoder.atEnd()) raise(env, "this is no program of the addon's vocabulary");
}

struct CompiledProgram : DecodedProgram {
  std::vector<SharedMemory> memories;
  std::unique_ptr<Memory> shared, local, packed, arenas;
  Program program;
  Needs needs;
  int workers = 0;
  bool isPacked = false;
};

/// What kernels lay out does not grow with the batch alone: a smaller one may be cut into larger parts. So every batch up to the
/// planned one is asked, and the most of all is taken. Calls that will find their weights packed are
/// told so, at a made-up place.
Needs needsOf(Implementations implementations, DecodedProgram& program, int workers) {
  Needs needs;
  auto& [_, outline, buffers, calls] = program;
  if (!outline.imageByImage) {
    for (int n = 1; n <= outline.batchSize; n++) needs.add(implementations, calls, n);
    return needs;
  }
  static const float somewhere = 0;
  for (Call& call : calls) {
    call.packed = &somewhere;
    const auto floats = implementations(call).packedFloats;
    if (floats) needs.packed += roundToLine(floats(call));
    else call.packed = nullptr;
  }
  needs.arenas = (workers - 1) * outline.arenaElements;
  needs.sharers = workers;
  for (const int sharing : {1, workers}) {
    for (Call& call : calls) call.workers = sharing;
    needs.add(implementations, calls, 1);
  }
  return needs;
}

/// refuses(instructionSet, call): why the call cannot be run, or null.
Napi::Value refuses(const Napi::CallbackInfo& info) {
  const std::string isa = info[0].As<Napi::String>();
  const auto code = info[1].As<Napi::Float64Array>();
  Decoder decoder(code.Data(), code.Data() + code.ElementLength());
  const Call call = decoder.begins() ? decoder.call() : Call();
  const std::string why = decoder.atEnd() ? refusal(chooseInstructionSet(isa.c_str()).implementations, call) : "reads no such call";
  return why.empty() ? info.Env().Null() : Napi::Value(Napi::String::New(info.Env(), why));
}

/// scratchBytes(instructionSet, workers, program): what compile() takes besides the buffers.
Napi::Value scratchBytes(const Napi::CallbackInfo& info) {
  const std::string isa = info[0].As<Napi::String>();
  const int workers = info[1].As<Napi::Number>().Int32Value();
  const auto implementations = chooseInstructionSet(isa.c_str()).implementations;
  DecodedProgram program;
  Decoder decoder = begin(info[2].As<Napi::Float64Array>(), program);
  readCalls(info.Env(), implementations, decoder, program);
  if (info.Env().IsExceptionPending()) return info.Env().Null();
  return Napi::Number::New(info.Env(), double(needsOf(implementations, program, workers).bytes(workers)));
}

/// Nothing may touch what is behind a share of `bytes`.
void guardShares(Memory& memory, int64_t bytes, int shares) {
  char* first = reinterpret_cast<char*>(memory.data);
  for (int i = 0; i < shares; i++) guard(first + i * apart(bytes) + bytes, size_t(apart(bytes) - bytes));
}

/// compile(instructionSet, workers, program, buffers, arena): buffers[i] is the handle of buffer i, null for transient ones and those that
/// no call names.
Napi::Value compile(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  const std::string isa = info[0].As<Napi::String>();
  const int workers = info[1].As<Napi::Number>().Int32Value();
  const auto handles = info[3].As<Napi::Array>();
  auto compiled = std::make_shared<CompiledProgram>();
  auto& program = compiled->program;
  Decoder decoder = begin(info[2].As<Napi::Float64Array>(), *compiled);
  const auto hold = [&](const Napi::Value& handle) -> Element* {
    if (!handle.IsExternal()) return nullptr;
    compiled->memories.push_back(unwrap<Memory>(handle));
    return compiled->memories.back()->data;
  };
  for (size_t i = 0; i < compiled->buffers.size(); i++) compiled->buffers[i].data = hold(handles[uint32_t(i)]);
  program.place = {compiled->buffers.data(), int64_t(compiled->buffers.size()), hold(info[4])};
  decoder.place(program.place);
  program.implementations = chooseInstructionSet(isa.c_str()).implementations;
  readCalls(env, program.implementations, decoder, *compiled);
  if (env.IsExceptionPending()) return env.Null();
  program.calls = compiled->calls.data();
  program.callCount = int(compiled->calls.size());
  program.codeEnd = compiled->code.data() + compiled->code.size();
  const Needs needs = compiled->needs = needsOf(program.implementations, *compiled, workers);
  compiled->workers = workers;
  compiled->shared = std::make_unique<Memory>(needs.sharers * apart(needs.shared) / int64_t(sizeof(Element)));
  compiled->local = std::make_unique<Memory>(workers * apart(needs.local) / int64_t(sizeof(Element)));
  compiled->packed = std::make_unique<Memory>(needs.packed);
  compiled->arenas = std::make_unique<Memory>(needs.arenas);
  for (const auto* memory : {&compiled->shared, &compiled->local, &compiled->packed, &compiled->arenas}) {
    if (!(*memory)->data) return env.Null();
  }
  guardShares(*compiled->shared, needs.shared, needs.sharers);
  guardShares(*compiled->local, needs.local, workers);
  program.shared = reinterpret_cast<char*>(compiled->shared->data);
  program.local = reinterpret_cast<char*>(compiled->local->data);
  program.localBytes = apart(needs.local);
  program.fixedParameters = compiled->outline.fixedParameters;
  program.imageByImage = compiled->outline.imageByImage;
  if (program.imageByImage) program.sharedBytes = apart(needs.shared);
  program.arenas = compiled->arenas->data;
  program.arenaElements = compiled->outline.arenaElements;
  float* packed = compiled->packed->data;
  for (Call& call : compiled->calls) {
    if (!call.packed) continue;
    call.packed = packed;
    packed += roundToLine(program.implementations(call).packedFloats(call));
  }
  return wrap(env, std::move(compiled));
}

/// Why what was allocated for a program is not enough for a run of a batch, or nothing. It always is, if all is well: this is what
/// keeps an error in the planning of scratch from being an overrun.
std::string shortage(const CompiledProgram& compiled, const ThreadPool& pool, int batch) {
  const int most = compiled.outline.batchSize;
  if (batch < 1 || batch > most) return "it was compiled for 1 to " + std::to_string(most) + " images";
  if (pool.workers() != compiled.workers) return "it was compiled for " + std::to_string(compiled.workers) + " threads";
  if (compiled.program.imageByImage) return "";
  Needs needs;
  needs.add(compiled.program.implementations, compiled.calls, batch);
  const bool enough = needs.shared <= compiled.needs.shared && needs.local <= compiled.needs.local;
  return enough ? "" : "it needs more scratch for " + std::to_string(batch) + " images than it was given";
}

class Run : public Napi::AsyncWorker {
 public:
  Run(Napi::Env env, std::shared_ptr<ThreadPool> pool, std::shared_ptr<CompiledProgram> program, RunArguments arguments, bool timed)
      : Napi::AsyncWorker(env, "densenet.run"), deferred_(Napi::Promise::Deferred::New(env)), pool_(std::move(pool)),
        program_(std::move(program)), arguments_(arguments), seconds_(timed ? program_->calls.size() : 0) {}
  Napi::Promise promise() const { return deferred_.Promise(); }
  void Execute() override {
    const bool packs = !program_->isPacked || !program_->program.fixedParameters;
    pool_->run(program_->program, arguments_, packs && program_->packed->elements > 0, seconds_.empty() ? nullptr : seconds_.data());
    program_->isPacked = true;
  }
  void OnOK() override {
    if (seconds_.empty()) return deferred_.Resolve(Env().Undefined());
    auto result = Napi::Float64Array::New(Env(), seconds_.size());
    memcpy(result.Data(), seconds_.data(), seconds_.size() * sizeof(double));
    deferred_.Resolve(result);
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  std::shared_ptr<ThreadPool> pool_;
  std::shared_ptr<CompiledProgram> program_;
  RunArguments arguments_;
  std::vector<double> seconds_;
};

/// run(pool, program, batch, learningRate, seed, step, keep, add, timed) -> Promise of seconds per call, or of nothing.
Napi::Value run(const Napi::CallbackInfo& info) {
  RunArguments arguments;
  arguments.batch = info[2].As<Napi::Number>().Int32Value();
  arguments.learningRate = info[3].As<Napi::Number>().FloatValue();
  arguments.seed = info[4].As<Napi::Number>().DoubleValue();
  arguments.step = info[5].As<Napi::Number>().DoubleValue();
  arguments.keep = info[6].As<Napi::Number>().DoubleValue();
  arguments.add = info[7].As<Napi::Number>().DoubleValue();
  const bool timed = info[8].ToBoolean();
  const auto pool = unwrap<ThreadPool>(info[0]);
  const auto program = unwrap<CompiledProgram>(info[1]);
  const std::string why = pool && program ? shortage(*program, *pool, arguments.batch) : "it or its backend was disposed of";
  if (!why.empty()) {
    raise(info.Env(), "a compiled program cannot be run: " + why);
    return info.Env().Null();
  }
  auto* worker = new Run(info.Env(), pool, program, arguments, timed);
  const auto promise = worker->promise();
  worker->Queue();
  return promise;
}

Napi::Value createPool(const Napi::CallbackInfo& info) {
  return wrap(info.Env(), std::make_shared<ThreadPool>(info[0].As<Napi::Number>().Int32Value()));
}

/// [{ name, title }], best first.
Napi::Value instructionSets(const Napi::CallbackInfo& info) {
  InstructionSet sets[8];
  const int count = availableInstructionSets(sets, 8);
  auto list = Napi::Array::New(info.Env());
  for (int i = 0; i < count; i++) {
    auto entry = Napi::Object::New(info.Env());
    entry.Set("name", sets[i].name);
    entry.Set("title", sets[i].title);
    list.Set(uint32_t(i), entry);
  }
  return list;
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exports.Set("vocabulary", FINGERPRINT);
  exports.Set("instructionSets", Napi::Function::New(env, instructionSets));
  exports.Set("createBuffer", Napi::Function::New(env, createBuffer));
  exports.Set("writeBuffer", Napi::Function::New(env, writeBuffer));
  exports.Set("readBuffer", Napi::Function::New(env, readBuffer));
  exports.Set("releaseBuffer", Napi::Function::New(env, release<Memory>));
  exports.Set("createPool", Napi::Function::New(env, createPool));
  exports.Set("releasePool", Napi::Function::New(env, release<ThreadPool>));
  exports.Set("refuses", Napi::Function::New(env, refuses));
  exports.Set("scratchBytes", Napi::Function::New(env, scratchBytes));
  exports.Set("compile", Napi::Function::New(env, compile));
  exports.Set("releaseProgram", Napi::Function::New(env, release<CompiledProgram>));
  exports.Set("run", Napi::Function::New(env, run));
  return exports;
}

}  // namespace

NODE_API_MODULE(densenet, initialise)
