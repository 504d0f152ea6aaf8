#include "thread_pool.h"

#include "memory.h"

#include <chrono>
#if defined(__linux__)
#include <sched.h>
#endif

namespace densenet {

namespace {
double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

#if defined(__linux__)
int currentProcessor() { return sched_getcpu(); }
#else
int currentProcessor() { return -1; }
#endif

/// Whether another worker was last seen on this one's processor, although there are enough for all.
bool sharesProcessor(RunState& state, int worker) {
  static const int processors = int(std::thread::hardware_concurrency());
  if (state.workers > processors) return false;
  const int here = currentProcessor();
  __atomic_store_n(&state.shares[worker].processor, here, __ATOMIC_RELAXED);
  for (int i = 0; here >= 0 && i < state.workers; i++) {
    if (i != worker && __atomic_load_n(&state.shares[i].processor, __ATOMIC_RELAXED) == here) return true;
  }
  return false;
}

/// Yielding is quick while nobody else wants the processor. Who sleeps is woken on an idle one, if there is any: two workers that
/// only yielded to each other would stay on one, and Linux leave another idle. And who sleeps where somebody else computes has
/// its turn when there is something to do.
void relax(RunState& state, int worker, int times) {
  Share& share = state.shares[worker];
  if (times < 200 && !share.crowded && (times > 0 || !sharesProcessor(state, worker))) {
    const double start = now();
    std::this_thread::yield();
    share.crowded = now() - start > 1e-3;
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
  state.forget = forget;
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
