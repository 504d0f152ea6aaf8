// MPI for Node: exchanges of bytes between ranks. The library is the launcher's, found when it is asked for; nothing of it is needed
// to build this. One thread makes all of its calls, none of which waits: so it sees who does not answer, and leaves the processor
// to those who compute.
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "node.h"
#include "threads.h"

namespace densenet {
namespace {

// What MPI_Comm, MPI_Datatype and MPI_Request are differs: an int or a pointer. Both fit, and are passed alike.
typedef intptr_t Handle;

struct Library {
  int (*initThread)(int*, char***, int, int*);
  int (*commRank)(Handle, int*);
  int (*commSize)(Handle, int*);
  int (*isend)(const void*, int, Handle, int, int, Handle, Handle*);
  int (*irecv)(void*, int, Handle, int, int, Handle, Handle*);
  int (*test)(Handle*, int*, void*);
  int (*abort)(Handle, int);
  int (*finalize)();
  int (*version)(char*, int*);
  Handle world = 0, byte = 0;
  int funneled = 1;
};

Library mpi;

template <class T>
bool find(void* file, const char* name, T& function) {
  function = reinterpret_cast<T>(dlsym(file, name));
  return function != nullptr;
}

/// Its handles: those of the standard of MPI 5, of Open MPI, or of MPICH and its relatives.
void choose(void* file) {
  int (*abiVersion)(int*, int*) = nullptr;
  int major = -1, minor = -1;
  if (find(file, "MPI_Abi_get_version", abiVersion)) abiVersion(&major, &minor);
  void* const world = dlsym(file, "ompi_mpi_comm_world");
  void* const byte = dlsym(file, "ompi_mpi_byte");
  if (major >= 1) {
    mpi.world = 0x101;
    mpi.byte = 0x247;
    mpi.funneled = 1024;
  } else if (world && byte) {
    mpi.world = Handle(world);
    mpi.byte = Handle(byte);
  } else {
    mpi.world = 0x44000000;
    mpi.byte = 0x4c00010d;
  }
}

/// Null, or what is wrong.
const char* load(const char* path) {
  // Under MPICH and Open MPI may lie UCX, which would patch the allocating functions of a process whose threads are in them.
  setenv("UCX_MEM_EVENTS", "no", 0);
  void* const file = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (!file) return dlerror();
  if (!find(file, "MPI_Init_thread", mpi.initThread) || !find(file, "MPI_Comm_rank", mpi.commRank) ||
      !find(file, "MPI_Comm_size", mpi.commSize) || !find(file, "MPI_Isend", mpi.isend) ||
      !find(file, "MPI_Irecv", mpi.irecv) || !find(file, "MPI_Test", mpi.test) ||
      !find(file, "MPI_Abort", mpi.abort) || !find(file, "MPI_Finalize", mpi.finalize) ||
      !find(file, "MPI_Get_library_version", mpi.version)) {
    return "it is no library of MPI";
  }
  choose(file);
  return nullptr;
}

/// Bytes on their way to or from a rank.
struct Message {
  char* bytes;
  size_t count;
  int rank;
  bool incoming;
  Handle request = 0;
  bool done = false;
};

/// A count of MPI is an int.
constexpr size_t MOST_BYTES = size_t(1) << 30;

struct Exchange {
  static void* operator new(size_t bytes) { return allocate(bytes); }
  static void operator delete(void* memory) { free(memory); }
  double id;
  int channel;
  double limit;
  Array<Message> messages;
  int left = 0;
  /// Not counted: while this process itself was stopped.
  double waited = 0, looked = 0;
  Exchange* next = nullptr;
};

Lock lock;
Signal wake;
Thread thread;
napi_threadsafe_function finished;
int rank = 0, size = 0;
char libraryVersion[16384];
// Guarded by the lock.
bool started = false, leaving = false, left = false;
int aborting = 0;
Exchange* waiting = nullptr;
// Of JavaScript's thread.
int pending = 0;

/// Ends all ranks. A library that has lost its peers may wait for them in vain.
void end(int code) {
  const auto last = [](void*) {
    for (const double start = now(); now() - start < 5;) sleepShortly();
    kill(getpid(), SIGKILL);
  };
  static Thread killer;
  killer.start(last, nullptr);
  mpi.abort(mpi.world, code);
}

void begin(Exchange& exchange) {
  exchange.looked = now();
  for (Message& message : exchange.messages) {
    if (message.incoming) {
      mpi.irecv(message.bytes, int(message.count), mpi.byte, message.rank, exchange.channel, mpi.world, &message.request);
    } else {
      mpi.isend(message.bytes, int(message.count), mpi.byte, message.rank, exchange.channel, mpi.world, &message.request);
    }
  }
}

/// True when something has arrived or gone.
bool poll(Exchange& exchange) {
  bool moved = false;
  for (Message& message : exchange.messages) {
    if (message.done) continue;
    int flag = 0;
    alignas(16) char status[256];
    mpi.test(&message.request, &flag, status);
    if (!flag) continue;
    message.done = moved = true;
    exchange.left--;
  }
  return moved;
}

/// Who does not answer; else, who takes nothing.
void tell(const Exchange& exchange) {
  const Message* waiting = nullptr;
  for (const Message& message : exchange.messages) {
    if (!message.done && (!waiting || message.incoming)) waiting = &message;
  }
  if (!waiting) return;
  fprintf(stderr, "error: rank %d has %s rank %d for %.0f s: it is stopped or cut off; all ranks end\n", waiting->rank,
          waiting->incoming ? "not answered" : "taken nothing from", rank, exchange.limit);
}

void work(void*) {
  int provided = 0, length = 0;
  mpi.initThread(nullptr, nullptr, mpi.funneled, &provided);
  mpi.commRank(mpi.world, &rank);
  mpi.commSize(mpi.world, &size);
  mpi.version(libraryVersion, &length);
  lock.take();
  started = true;
  wake.wakeAll();
  Exchange* active = nullptr;
  int idle = 0;
  for (;;) {
    while (!waiting && !active && !leaving && aborting == 0) wake.wait(lock);
    const int code = aborting;
    Exchange* fresh = waiting;
    waiting = nullptr;
    const bool over = leaving && !fresh && !active;
    lock.leave();
    if (code != 0) end(code);
    if (over) break;
    while (fresh) {
      Exchange* const next = fresh->next;
      begin(*fresh);
      fresh->next = active;
      active = fresh;
      fresh = next;
    }
    bool moved = false;
    for (Exchange** at = &active; *at;) {
      Exchange& exchange = **at;
      moved |= poll(exchange);
      if (exchange.left == 0) {
        *at = exchange.next;
        napi_call_threadsafe_function(finished, &exchange, napi_tsfn_blocking);
        continue;
      }
      const double passed = now() - exchange.looked;
      exchange.looked += passed;
      exchange.waited += passed < 1 ? passed : 0;
      if (exchange.waited > exchange.limit) {
        tell(exchange);
        end(1);
      }
      at = &exchange.next;
    }
    idle = moved ? 0 : idle + 1;
    if (idle < 100) yieldProcessor();
    else sleepShortly();
    lock.take();
  }
  mpi.finalize();
  lock.take();
  left = true;
  wake.wakeAll();
  lock.leave();
}

void call(napi_env env, napi_value function, void*, void* data) {
  Exchange* const exchange = static_cast<Exchange*>(data);
  const double id = exchange->id;
  delete exchange;
  if (!env) return;
  if (--pending == 0) napi_unref_threadsafe_function(env, finished);
  napi_value self, argument = number(env, id);
  napi_get_undefined(env, &self);
  napi_call_function(env, self, function, 1, &argument, nullptr);
}

/// (library, finished(id)): [rank, size, version], or what is wrong.
napi_value join(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  char path[4096];
  size_t length = 0;
  napi_get_value_string_utf8(env, arguments[0], path, sizeof path, &length);
  if (const char* why = load(path)) return text(env, why);
  napi_value name = text(env, "ranks");
  napi_create_threadsafe_function(env, arguments[1], nullptr, name, 0, 1, nullptr, nullptr, nullptr, call, &finished);
  napi_unref_threadsafe_function(env, finished);
  if (!thread.start(work, nullptr)) return text(env, "there may be no more threads");
  {
    Locked locked(lock);
    while (!started) wake.wait(lock);
  }
  napi_value result;
  napi_create_array_with_length(env, 3, &result);
  napi_set_element(env, result, 0, number(env, rank));
  napi_set_element(env, result, 1, number(env, size));
  napi_set_element(env, result, 2, text(env, libraryVersion));
  return result;
}

/// Bytes of each rank; none where there are none.
Elements<char> bytesOf(napi_env env, napi_value list, int rank) {
  napi_value array;
  napi_get_element(env, list, uint32_t(rank), &array);
  return Elements<char>(env, array);
}

size_t pieces(size_t count) { return (count + MOST_BYTES - 1) / MOST_BYTES; }

/// (id, outgoing, incoming, channel, seconds): the arrays must live until it is finished.
napi_value exchange(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  const Elements<char> own = bytesOf(env, arguments[1], rank), room = bytesOf(env, arguments[2], rank);
  if (own.count != room.count) return fail(env, "a rank gives itself another number of bytes than it takes");
  memcpy(room.data, own.data, own.count);
  size_t count = 0;
  for (int list = 1; list <= 2; list++) {
    for (int r = 0; r < size; r++) {
      if (r != rank) count += pieces(bytesOf(env, arguments[list], r).count);
    }
  }
  Exchange* const exchange = new Exchange{arguments.number(0), arguments.integer(3), arguments.number(4), {}};
  exchange->messages.make(int64_t(count));
  exchange->left = int(count);
  size_t at = 0;
  // What is to come is asked for before anything is sent.
  for (int list = 2; list >= 1; list--) {
    for (int r = 0; r < size; r++) {
      if (r == rank) continue;
      const Elements<char> bytes = bytesOf(env, arguments[list], r);
      for (size_t first = 0; first < bytes.count; first += MOST_BYTES) {
        const size_t rest = bytes.count - first;
        exchange->messages[int64_t(at++)] = {bytes.data + first, rest < MOST_BYTES ? rest : MOST_BYTES, r, list == 2};
      }
    }
  }
  if (pending++ == 0) napi_ref_threadsafe_function(env, finished);
  Locked locked(lock);
  Exchange** last = &waiting;
  while (*last) last = &(*last)->next;
  *last = exchange;
  wake.wakeAll();
  return nothing(env);
}

/// Takes leave of the others, who must do so too. Nothing may be on its way.
napi_value leave(napi_env env, napi_callback_info) {
  Locked locked(lock);
  leaving = true;
  wake.wakeAll();
  while (!left) wake.wait(lock);
  return nothing(env);
}

/// (code): ends all ranks, and this one with that exit code.
napi_value abortAll(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  const int code = arguments.integer(0);
  {
    Locked locked(lock);
    aborting = code;
    wake.wakeAll();
  }
  for (const double start = now(); now() - start < 5;) sleepShortly();
  _exit(code);
}

void add(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
  napi_set_named_property(env, exports, name, value);
}

}  // namespace
}  // namespace densenet

NAPI_MODULE_INIT() {
  using namespace densenet;
  add(env, exports, "join", join);
  add(env, exports, "exchange", exchange);
  add(env, exports, "leave", leave);
  add(env, exports, "abort", abortAll);
  return exports;
}
