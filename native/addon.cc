// Node-API glue: buffers, compiled programs, runs off the event loop. It turns JavaScript values into plain structs on
// the main thread; nothing of Node-API is touched while a program runs.
#include <napi.h>

#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dispatch.h"
#include "memory.h"
#include "thread_pool.h"

namespace {

using namespace densenet;

struct Memory {
  float* data;
  int64_t elements;
  explicit Memory(int64_t elements) : data(static_cast<float*>(allocateZeroed(size_t(elements) * 4))), elements(elements) {}
  ~Memory() { freeMemory(data, size_t(elements) * 4); }
  Memory(const Memory&) = delete;
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

struct CompiledProgram {
  std::vector<Call> calls;
  std::vector<SharedMemory> buffers;
  std::unique_ptr<Memory> shared, local, packed, arenas;
  Program program;
  bool isPacked = false;
};

/// Reads the fields of kernels.ts; `data(buffer, offset)` gives the pointer. backend.ts has checked every range.
class CallReader {
 public:
  explicit CallReader(std::vector<float*> bases) : bases_(std::move(bases)) {}

  Call read(const Napi::Object& from) const {
    Call call;
    call.kernel = kernels().at(from.Get("kernel").As<Napi::String>().Utf8Value());
    call.size = integer(from, "size");
    call.stride = integer(from, "stride");
    call.padding = integer(from, "padding");
    call.windowHeight = integer(from, "windowHeight");
    call.windowWidth = integer(from, "windowWidth");
    call.input = view(from, "input");
    call.output = view(from, "output");
    call.weight = ref(from, "weight");
    call.growthWeight = ref(from, "growthWeight");
    call.bias = ref(from, has(from, "foldedBias") ? "foldedBias" : "bias");
    call.weightGradient = ref(from, "weightGradient");
    call.biasGradient = ref(from, "biasGradient");
    call.labels = ref(from, "labels");
    call.classWeights = ref(from, "classWeights");
    call.targets = view(from, "targets");
    call.smoothing = number(from, "smoothing");
    call.loss = ref(from, "loss");
    call.rank = ref(from, "rank");
    call.channels = integer(from, "channels");
    call.pixels = integer(from, "pixels");
    call.elements = int64_t(number(from, "elements"));
    call.momentum = float(number(from, "momentum"));
    call.weightDecay = float(number(from, "weightDecay"));
    call.nesterov = from.Get("nesterov").ToBoolean();
    call.runningMean = ref(from, "runningMean");
    call.runningVariance = ref(from, "runningVariance");
    call.parameters = ref(from, "parameters");
    call.gradients = ref(from, "gradients");
    call.velocity = ref(from, "velocity");
    call.firstMoment = ref(from, "firstMoment");
    call.secondMoment = ref(from, "secondMoment");
    call.beta1 = number(from, "beta1");
    call.beta2 = number(from, "beta2");
    call.alpha = number(from, "alpha");
    call.epsilon = number(from, "epsilon");
    call.limit = number(from, "limit");
    call.value = number(from, "value");
    call.source = ref(from, "source");
    call.target = ref(from, "target");
    if (has(from, "mixed")) {
      const auto mixed = object(from, "mixed");
      call.otherLabels = ref(mixed, "labels");
      call.share = ref(mixed, "share");
    }
    if (has(from, "norm")) {
      const auto norm = object(from, "norm");
      call.norm = {ref(norm, "gamma"), ref(norm, "beta"), ref(norm, "mean"), ref(norm, "variance"), float(number(norm, "epsilon"))};
    }
    if (has(from, "statistics")) {
      const auto statistics = object(from, "statistics");
      call.statistics = {ref(statistics, "mean"), ref(statistics, "variance")};
    }
    if (has(from, "dropout")) {
      const auto dropout = object(from, "dropout");
      call.dropout = {float(number(dropout, "rate")), integer(dropout, "layer")};
    }
    readGradients(from, call);
    return call;
  }

 private:
  static const std::map<std::string, Kernel>& kernels() {
    static const std::map<std::string, Kernel> names{
        {"convolutionForward", Kernel::ConvolutionForward}, {"convolutionBackward", Kernel::ConvolutionBackward},
        {"denseLayerForward", Kernel::DenseLayerForward},
        {"averagePoolForward", Kernel::AveragePoolForward}, {"averagePoolBackward", Kernel::AveragePoolBackward},
        {"maxPoolForward", Kernel::MaxPoolForward},         {"maxPoolBackward", Kernel::MaxPoolBackward},
        {"linearForward", Kernel::LinearForward},           {"linearBackward", Kernel::LinearBackward},
        {"crossEntropy", Kernel::CrossEntropy},             {"binaryCrossEntropy", Kernel::BinaryCrossEntropy},
        {"runningStatistics", Kernel::RunningStatistics},   {"sgd", Kernel::Sgd},
        {"adamW", Kernel::AdamW},                           {"rmsProp", Kernel::RmsProp},
        {"clipGradients", Kernel::ClipGradients},           {"blend", Kernel::Blend},
        {"fill", Kernel::Fill}};
    return names;
  }

  void readGradients(const Napi::Object& from, Call& call) const {
    if (call.kernel == Kernel::CrossEntropy || call.kernel == Kernel::BinaryCrossEntropy) {
      call.input = view(from, "logits");
      call.inputGradient.gradient = view(from, "gradient");
      return;
    }
    if (call.kernel == Kernel::LinearBackward) {
      call.outputGradient.gradient = view(from, "outputGradient");
      call.inputGradient.gradient = view(from, "inputGradient");
      return;
    }
    if (has(from, "outputGradient")) {
      const auto out = object(from, "outputGradient");
      auto& to = call.outputGradient;
      to.gradient = view(out, "gradient");
      if (has(out, "deferred")) {
        const auto deferred = object(out, "deferred");
        to.value = view(deferred, "value");
        to.mean = ref(deferred, "mean");
        to.variance = ref(deferred, "variance");
        to.epsilon = float(number(deferred, "epsilon"));
        to.a = ref(deferred, "a");
        to.b = ref(deferred, "b");
      }
    }
    if (has(from, "inputGradient")) {
      const auto in = object(from, "inputGradient");
      auto& to = call.inputGradient;
      to.gradient = view(in, "gradient");
      to.accumulate = in.Get("accumulate").ToBoolean();
      if (has(in, "norm")) {
        const auto norm = object(in, "norm");
        to.gamma = ref(norm, "gamma");
        to.beta = ref(norm, "beta");
        to.a = ref(norm, "a");
        to.b = ref(norm, "b");
      }
    }
  }

  static bool has(const Napi::Object& from, const char* name) { return from.Get(name).IsObject(); }
  static Napi::Object object(const Napi::Object& from, const char* name) { return from.Get(name).As<Napi::Object>(); }
  static double number(const Napi::Object& from, const char* name) {
    const auto value = from.Get(name);
    return value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0;
  }
  static int integer(const Napi::Object& from, const char* name) { return int(number(from, name)); }

  float* ref(const Napi::Object& from, const char* name) const {
    if (!has(from, name)) return nullptr;
    const auto value = object(from, name);
    return bases_[size_t(number(value, "buffer"))] + int64_t(number(value, "offset"));
  }

  View view(const Napi::Object& from, const char* name) const {
    if (!has(from, name)) return {};
    const auto value = object(from, name);
    View to;
    to.channels = integer(value, "channels");
    to.height = integer(value, "height");
    to.width = integer(value, "width");
    to.imageStep = int64_t(number(value, "stride")) * to.pixels();
    to.data = bases_[size_t(number(value, "buffer"))] + int64_t(number(value, "first")) * to.pixels();
    return to;
  }

  std::vector<float*> bases_;
};

int64_t roundToLine(int64_t floats) { return (floats + 15) / 16 * 16; }

/// What a program needs besides its buffers.
struct Needs {
  int64_t shared = 0, local = 0;   // bytes; local: of each worker
  int64_t packed = 0, arenas = 0;  // floats
  int64_t bytes(int workers) const { return shared + workers * local + 4 * (packed + arenas); }
};

/// What kernels lay out does not grow with the batch alone: a smaller one may be cut into larger parts. So every batch up to the
/// planned one is asked, and the most of all is taken. Calls that will find their weights
/// packed are told so, at a made-up place.
Needs needsOf(Implementations implementations, std::vector<Call>& calls, const Napi::Object& program, int workers) {
  Needs needs;
  const bool imageByImage = program.Get("imageByImage").ToBoolean();
  const int batch = imageByImage ? 1 : int(program.Get("batchSize").As<Napi::Number>());
  if (imageByImage) {
    static const float somewhere = 0;
    for (Call& call : calls) {
      call.packed = &somewhere;
      const auto floats = implementations(call).packedFloats;
      if (floats) needs.packed += roundToLine(floats(call));
      else call.packed = nullptr;
    }
    needs.arenas = (workers - 1) * int64_t(program.Get("arenaElements").As<Napi::Number>());
  }
  const auto take = [&](int n) {
    needs.shared = std::max(needs.shared, sharedBytes(implementations, calls.data(), int(calls.size()), n));
    needs.local = std::max(needs.local, localBytes(implementations, calls.data(), int(calls.size()), n));
  };
  if (imageByImage) {
    for (const int sharing : {1, workers}) {
      for (Call& call : calls) call.workers = sharing;
      take(1);
    }
  } else {
    for (int n = 1; n <= batch; n++) take(n);
  }
  if (imageByImage) needs.shared *= workers;
  return needs;
}

std::vector<Call> readCalls(const Napi::Object& program, std::vector<float*> bases) {
  const CallReader reader(std::move(bases));
  const auto from = program.Get("calls").As<Napi::Array>();
  std::vector<Call> calls;
  for (uint32_t i = 0; i < from.Length(); i++) calls.push_back(reader.read(Napi::Value(from[i]).As<Napi::Object>()));
  return calls;
}

/// scratchBytes(instructionSet, workers, program): what compile() takes besides the buffers. Kernels look at shapes only, and
/// at which pointers there are: all buffers stand at one made-up address.
Napi::Value scratchBytes(const Napi::CallbackInfo& info) {
  const std::string isa = info[0].As<Napi::String>();
  const int workers = info[1].As<Napi::Number>().Int32Value();
  const auto source = info[2].As<Napi::Object>();
  static float somewhere;
  auto calls = readCalls(source, std::vector<float*>(source.Get("buffers").As<Napi::Array>().Length(), &somewhere));
  const Needs needs = needsOf(chooseInstructionSet(isa.c_str()).implementations, calls, source, workers);
  return Napi::Number::New(info.Env(), double(needs.bytes(workers)));
}

/// compile(instructionSet, workers, program, buffers, arena): buffers[i] is the handle of buffer i, the arena's for transient ones.
Napi::Value compile(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  const auto source = info[2].As<Napi::Object>();
  const auto handles = info[3].As<Napi::Array>();
  const auto offsets = source.Get("offsets").As<Napi::Array>();
  auto compiled = std::make_shared<CompiledProgram>();
  std::vector<float*> bases;
  for (uint32_t i = 0; i < handles.Length(); i++) {
    const Napi::Value handle = handles[i];
    if (!handle.IsExternal()) {
      bases.push_back(nullptr);
      continue;
    }
    compiled->buffers.push_back(unwrap<Memory>(handle));
    const Napi::Value offset = offsets[i];
    bases.push_back(compiled->buffers.back()->data + std::max<int64_t>(0, offset.As<Napi::Number>().Int64Value()));
  }
  compiled->calls = readCalls(source, std::move(bases));

  const std::string isa = info[0].As<Napi::String>();
  const int workers = info[1].As<Napi::Number>().Int32Value();
  auto& program = compiled->program;
  program.implementations = chooseInstructionSet(isa.c_str()).implementations;
  program.calls = compiled->calls.data();
  program.callCount = int(compiled->calls.size());
  const Needs needs = needsOf(program.implementations, compiled->calls, source, workers);
  compiled->shared = std::make_unique<Memory>(needs.shared / 4);
  compiled->local = std::make_unique<Memory>(needs.local / 4 * workers);
  compiled->packed = std::make_unique<Memory>(needs.packed);
  compiled->arenas = std::make_unique<Memory>(needs.arenas);
  for (const auto* memory : {&compiled->shared, &compiled->local, &compiled->packed, &compiled->arenas}) {
    if (!(*memory)->data) return env.Null();
  }
  program.shared = reinterpret_cast<char*>(compiled->shared->data);
  program.local = reinterpret_cast<char*>(compiled->local->data);
  program.localBytes = needs.local;
  program.fixedParameters = source.Get("fixedParameters").ToBoolean();
  program.imageByImage = source.Get("imageByImage").ToBoolean();
  if (program.imageByImage) {
    program.sharedBytes = needs.shared / workers;
    program.arenaFloats = int64_t(source.Get("arenaElements").As<Napi::Number>());
    const Napi::Value arena = info[4];
    if (arena.IsExternal()) program.arena = unwrap<Memory>(arena)->data;
    program.arenas = compiled->arenas->data;
  }
  float* packed = compiled->packed->data;
  for (Call& call : compiled->calls) {
    if (!call.packed) continue;
    call.packed = packed;
    packed += roundToLine(program.implementations(call).packedFloats(call));
  }
  return wrap(env, std::move(compiled));
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
  auto* worker = new Run(info.Env(), unwrap<ThreadPool>(info[0]), unwrap<CompiledProgram>(info[1]), arguments, timed);
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

/// What the addon understands of programs, and how it is called: one more with every change. addon.ts asks for the same.
constexpr int VERSION = 3;

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exports.Set("version", VERSION);
  exports.Set("instructionSets", Napi::Function::New(env, instructionSets));
  exports.Set("createBuffer", Napi::Function::New(env, createBuffer));
  exports.Set("writeBuffer", Napi::Function::New(env, writeBuffer));
  exports.Set("readBuffer", Napi::Function::New(env, readBuffer));
  exports.Set("releaseBuffer", Napi::Function::New(env, release<Memory>));
  exports.Set("createPool", Napi::Function::New(env, createPool));
  exports.Set("releasePool", Napi::Function::New(env, release<ThreadPool>));
  exports.Set("scratchBytes", Napi::Function::New(env, scratchBytes));
  exports.Set("compile", Napi::Function::New(env, compile));
  exports.Set("releaseProgram", Napi::Function::New(env, release<CompiledProgram>));
  exports.Set("run", Napi::Function::New(env, run));
  return exports;
}

}  // namespace

NODE_API_MODULE(densenet, initialise)
