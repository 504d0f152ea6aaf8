// Node-API glue: buffers, compiled programs, runs off the event loop. It turns JavaScript values into plain structs on
// the main thread; nothing of Node-API is touched while a program runs.
#include <cstdio>
#include <cstring>

#include "compiled_program.h"
#include "dispatch.h"
#include "node.h"
#include "thread_pool.h"

namespace {

using namespace densenet;

// ---- handles ----------------------------------------------------------------------------------------------------

// They are externals that hold what is counted: a program keeps its buffers alive, whoever is disposed first.
template <class T>
napi_value wrap(napi_env env, const Held<T>& value) {
  auto* held = new (allocate(sizeof(Held<T>))) Held<T>(value);
  const auto finalize = [](napi_env, void* data, void*) {
    static_cast<Held<T>*>(data)->~Held();
    free(data);
  };
  napi_value external = nullptr;
  napi_create_external(env, held, finalize, nullptr, &external);
  return external;
}

/// nullptr where it is no handle.
template <class T>
Held<T>* handle(napi_env env, napi_value value) {
  void* held = nullptr;
  napi_get_value_external(env, value, &held);
  return static_cast<Held<T>*>(held);
}

/// Empty where it is no handle, or was released.
template <class T>
Held<T> unwrap(napi_env env, napi_value value) {
  const auto* held = handle<T>(env, value);
  return held ? *held : Held<T>();
}

template <class T>
napi_value release(napi_env env, napi_callback_info info) {
  const Arguments given(env, info);
  if (auto* held = handle<T>(env, given[0])) *held = {};
  return nullptr;
}

// ---- buffers ----------------------------------------------------------------------------------------------------

napi_value createBuffer(napi_env env, napi_callback_info info) {
  const Held<Memory> memory(new Memory);
  return memory->make(int64_t(Arguments(env, info).number(0))) ? wrap(env, memory) : nothing(env);
}

// The checks of ranges are in backend.ts.
napi_value writeBuffer(napi_env env, napi_callback_info info) {
  const Arguments given(env, info);
  const Elements<const char> from(env, given[1]);
  const auto memory = unwrap<Memory>(env, given[0]);
  if (memory && from.bytes > 0) memcpy(memory->data + int64_t(given.number(2)), from.data, from.bytes);
  return nullptr;
}

napi_value readBuffer(napi_env env, napi_callback_info info) {
  const Arguments given(env, info);
  const Elements<char> to(env, given[1]);
  const auto memory = unwrap<Memory>(env, given[0]);
  if (memory && to.bytes > 0) memcpy(to.data, memory->data + int64_t(given.number(2)), to.bytes);
  return nullptr;
}

// ---- programs ---------------------------------------------------------------------------------------------------

Kernels kernelsOf(napi_env env, napi_value name) {
  char isa[16] = "";
  napi_get_value_string_utf8(env, name, isa, sizeof isa, nullptr);
  return instructionSetCalled(isa).kernels;
}

/// Throws why a program, or one of its calls, cannot be run.
napi_value refuse(napi_env env, const Refusal& refusal) {
  if (refusal.call < 0) return fail(env, refusal.why);
  char why[256];
  snprintf(why, sizeof why, "call %lld: the native backend %s", static_cast<long long>(refusal.call), refusal.why);
  return fail(env, why);
}

/// refuses(instructionSet, call): why the call cannot be run, or null.
napi_value refuses(napi_env env, napi_callback_info info) {
  const Arguments given(env, info);
  const Elements<const double> code(env, given[1]);
  Decoder decoder(code.data, code.data + code.count);
  const Call call = decoder.begins() ? decoder.call() : Call();
  if (!decoder.atEnd()) return text(env, "reads no such call");
  const Implementations implementations = kernelsOf(env, given[0]).of[int(decoder.precision())];
  if (!implementations) return text(env, NO_KERNELS);
  const char* refusal = implementations(call).refusal;
  if (!refusal) return nothing(env);
  char why[256];
  snprintf(why, sizeof why, "the native backend %s", refusal);
  return text(env, why);
}

/// The program (instructionSet, workers, program) before its calls are read.
Held<CompiledProgram> begin(const Arguments& given) {
  const Elements<const double> code(given.env, given[2]);
  return new CompiledProgram(kernelsOf(given.env, given[0]), given.integer(1), code.data, int64_t(code.count));
}

/// scratchBytes(instructionSet, workers, program): what compile() takes besides the buffers.
napi_value scratchBytes(napi_env env, napi_callback_info info) {
  const auto program = begin(Arguments(env, info));
  const Refusal refusal = program->readCalls();
  return refusal.why ? refuse(env, refusal) : number(env, double(program->needs.bytes(program->workers)));
}

/// A compiled program and the memories it uses.
struct Compiled : Counted {
  Held<CompiledProgram> program;
  Array<Held<Memory>> memories;
};

/// compile(instructionSet, workers, program, buffers, arena): buffers[i] is the handle of buffer i, null for transient ones and those that
/// no call names.
napi_value compile(napi_env env, napi_callback_info info) {
  const Arguments given(env, info);
  const Held<Compiled> compiled(new Compiled);
  const auto program = compiled->program = begin(given);
  auto& buffers = program->buffers;
  compiled->memories.make(buffers.size() + 1);
  const auto hold = [&](int64_t i, napi_value handle) -> char* {
    const auto memory = compiled->memories[i] = unwrap<Memory>(env, handle);
    return memory ? memory->data : nullptr;
  };
  for (int64_t i = 0; i < buffers.size(); i++) {
    napi_value handle = nullptr;
    napi_get_element(env, given[3], uint32_t(i), &handle);
    buffers[i].data = hold(i, handle);
  }
  program->place(hold(buffers.size(), given[4]));
  const Refusal refusal = program->readCalls();
  if (refusal.why) return refuse(env, refusal);
  return program->allocate() ? wrap(env, compiled) : nothing(env);
}

struct Run : Counted {
  Held<ThreadPool> pool;
  Held<Compiled> compiled;
  RunArguments arguments;
  Array<double> seconds;  // of each call, if they are wanted
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
};

/// On a thread of Node's pool.
void execute(napi_env, void* data) {
  Run& run = *static_cast<Run*>(data);
  CompiledProgram& program = *run.compiled->program;
  run.pool->run(program.program, run.arguments, program.packs(), run.seconds.size() > 0 ? run.seconds.data() : nullptr);
  program.isPacked = true;
}

void complete(napi_env env, napi_status, void* data) {
  Run* run = static_cast<Run*>(data);
  napi_value result = nullptr;
  if (const size_t count = size_t(run->seconds.size())) {
    void* to = nullptr;
    napi_value memory = nullptr;
    napi_create_arraybuffer(env, count * sizeof(double), &to, &memory);
    napi_create_typedarray(env, napi_float64_array, count, memory, 0, &result);
    memcpy(to, run->seconds.data(), count * sizeof(double));
  } else {
    napi_get_undefined(env, &result);
  }
  napi_resolve_deferred(env, run->deferred, result);
  napi_delete_async_work(env, run->work);
  delete run;
}

/// run(pool, program, batch, learningRate, seed, step, keep, add, timed) -> Promise of seconds per call, or of nothing.
napi_value run(napi_env env, napi_callback_info info) {
  const Arguments given(env, info);
  const auto pool = unwrap<ThreadPool>(env, given[0]);
  const auto compiled = unwrap<Compiled>(env, given[1]);
  if (!pool || !compiled) return fail(env, "a compiled program cannot be run: it or its backend was disposed of");
  const CompiledProgram& program = *compiled->program;
  const int batch = given.integer(2), most = program.outline.batchSize;
  const auto refuseRun = [&](const char* format, int number) {
    char why[160];
    const int written = snprintf(why, sizeof why, "a compiled program cannot be run: ");
    snprintf(why + written, sizeof why - size_t(written), format, number);
    return fail(env, why);
  };
  if (batch < 1 || batch > most) return refuseRun("it was compiled for 1 to %d images", most);
  if (pool->workers() != program.workers) return refuseRun("it was compiled for %d threads", program.workers);
  if (!program.suffices(batch)) return refuseRun("it needs more scratch for %d images than it was given", batch);
  Run* run = new Run;
  run->pool = pool;
  run->compiled = compiled;
  run->arguments = {batch, given.number(3), given.number(4), given.number(5), given.number(6), given.number(7)};
  if (given.flag(8)) run->seconds.make(program.program.callCount);
  napi_value promise = nullptr;
  napi_create_promise(env, &run->deferred, &promise);
  napi_create_async_work(env, nullptr, text(env, "densenet.run"), execute, complete, run, &run->work);
  napi_queue_async_work(env, run->work);
  return promise;
}

napi_value createPool(napi_env env, napi_callback_info info) {
  const int workers = Arguments(env, info).integer(0);
  const Held<ThreadPool> pool(new ThreadPool(workers));
  if (pool->workers() == workers) return wrap(env, pool);
  char why[128];
  snprintf(why, sizeof why, "the operating system gives this process %d threads, not %d", pool->workers(), workers);
  return fail(env, why);
}

/// instructionSets(precision): [{ name, title, built }], best first.
napi_value instructionSets(napi_env env, napi_callback_info info) {
  char name[16] = "";
  napi_get_value_string_utf8(env, Arguments(env, info)[0], name, sizeof name, nullptr);
  const Precision precision = precisionCalled(name);
  if (precision == Precision::Count) return fail(env, "there is no such precision");
  InstructionSet sets[8];
  const int count = availableInstructionSets(sets, 8, precision);
  napi_value list = nullptr;
  napi_create_array_with_length(env, size_t(count), &list);
  for (int i = 0; i < count; i++) {
    napi_value entry = nullptr;
    napi_create_object(env, &entry);
    napi_set_named_property(env, entry, "name", text(env, sets[i].name));
    napi_set_named_property(env, entry, "title", text(env, sets[i].title));
    napi_set_named_property(env, entry, "built", truth(env, sets[i].kernels.of[int(precision)] != nullptr));
    napi_set_element(env, list, uint32_t(i), entry);
  }
  return list;
}

constexpr struct {
  const char* name;
  napi_callback function;
} FUNCTIONS[] = {
    {"instructionSets", instructionSets}, {"createBuffer", createBuffer},       {"writeBuffer", writeBuffer},
    {"readBuffer", readBuffer},           {"releaseBuffer", release<Memory>},   {"createPool", createPool},
    {"releasePool", release<ThreadPool>}, {"refuses", refuses},                 {"scratchBytes", scratchBytes},
    {"compile", compile},                 {"releaseProgram", release<Compiled>}, {"run", run},
};

}  // namespace

NAPI_MODULE_INIT() {
  if (!importNode()) return nullptr;
  napi_set_named_property(env, exports, "vocabulary", number(env, FINGERPRINT));
  for (const auto& [name, function] : FUNCTIONS) {
    napi_value value = nullptr;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
    napi_set_named_property(env, exports, name, value);
  }
  return exports;
}
