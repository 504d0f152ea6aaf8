#include "thread_pool.h"

#include <chrono>
#if defined(__linux__)
#include <sched.h>
#endif

namespace densenet {

namespace {
double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

#if defined(__linux__)
int currentProcessor() { return sched_getcpu(); }

/// Moves this thread off the processor of another worker, if it shares one and there is a free one. Linux leaves two threads that
/// wait for each other where they are: it never sees both of them running, and another processor may stay idle.
void moveApart(RunState& state, int worker) {
  cpu_set_t allowed, free;
  const int here = currentProcessor();
  __atomic_store_n(&state.shares[worker].processor, here, __ATOMIC_RELAXED);
  bool shared = false;
  for (int i = 0; i < state.workers; i++) {
    shared |= i != worker && __atomic_load_n(&state.shares[i].processor, __ATOMIC_RELAXED) == here;
  }
  if (!shared || here < 0 || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  free = allowed;
  for (int i = 0; i < state.workers; i++) {
    const int taken = __atomic_load_n(&state.shares[i].processor, __ATOMIC_RELAXED);
    if (taken >= 0) CPU_CLR(taken, &free);
  }
  if (CPU_COUNT(&free) == 0 || sched_setaffinity(0, sizeof free, &free) != 0) return;
  sched_setaffinity(0, sizeof allowed, &allowed);
  __atomic_store_n(&state.shares[worker].processor, currentProcessor(), __ATOMIC_RELAXED);
}
#else
int currentProcessor() { return -1; }
void moveApart(RunState&, int) {}
#endif

/// Yielding is quick while nobody else wants the processor. When it is not, somebody computes there: for the rest of the run
/// this worker sleeps instead, so that it has its turn when there is something to do.
void relax(RunState& state, int worker, int times) {
  Share& share = state.shares[worker];
  if (times == 0) moveApart(state, worker);
  if (times < 2000 && !share.crowded) {
    const double start = now();
    std::this_thread::yield();
    share.crowded = now() - start > 50e-6;
  } else {
    std::this_thread::sleep_for(std::chrono::microseconds(30));
  }
}
}  // namespace

ThreadPool::ThreadPool(int workers) {
  for (int i = 1; i < workers; i++) threads_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void ThreadPool::work(int worker) {
  unsigned long seen = 0;
  for (;;) {
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait(lock, [&] { return stop_ || round_ != seen; });
    if (stop_) return;
    seen = round_;
    const Program& program = *program_;
    RunState& state = *state_;
    lock.unlock();
    __atomic_store_n(&state.shares[worker].processor, currentProcessor(), __ATOMIC_RELAXED);
    runWorker(program, state, worker);
    lock.lock();
    if (--active_ == 0) done_.notify_one();
  }
}

void ThreadPool::run(const Program& program, const RunArguments& arguments, bool packs, double* seconds) {
  std::lock_guard<std::mutex> oneAtATime(running_);
  std::vector<Share> shares(static_cast<size_t>(workers()));
  RunState state;
  state.arguments = arguments;
  if (program.imageByImage) {
    state.batch = arguments.batch;
    state.arguments.batch = 1;
  }
  state.workers = workers();
  state.packs = packs;
  state.shares = shares.data();
  state.relax = relax;
  state.seconds = seconds;
  state.now = now;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    program_ = &program;
    state_ = &state;
    active_ = int(threads_.size());
    round_++;
  }
  wake_.notify_all();
  __atomic_store_n(&shares[0].processor, currentProcessor(), __ATOMIC_RELAXED);
  runWorker(program, state, 0);
  std::unique_lock<std::mutex> lock(mutex_);
  done_.wait(lock, [&] { return active_ == 0; });
}

}  // namespace densenet
