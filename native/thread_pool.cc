#include "thread_pool.h"

#include "memory.h"

namespace densenet {

namespace {
#if defined(__linux__)
int currentProcessor() { return sched_getcpu(); }
const int PROCESSORS = int(sysconf(_SC_NPROCESSORS_ONLN));
#else
int currentProcessor() { return -1; }
constexpr int PROCESSORS = 0;
#endif

/// Whether another worker was last seen on this one's processor, although there are enough for all.
bool sharesProcessor(RunState& state, int worker) {
  if (state.workers > PROCESSORS) return false;
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
void relax(RunState& state, int worker, int times, int) {
  Share& share = state.shares[worker];
  if (times < 200 && !share.crowded && (times > 0 || !sharesProcessor(state, worker))) {
    const double start = now();
    yieldProcessor();
    share.crowded = now() - start > 1e-3;
  } else {
    sleepShortly();
  }
}
}  // namespace

ThreadPool::ThreadPool(int workers) 
    : members_(workers - 1), shares_(static_cast<Share*>(allocateZeroed(size_t(workers) * sizeof(Share)))) {
  if (!shares_) abort();
  for (Member& member : members_) {
    member.pool = this;
    member.worker = started_ + 1;
    const auto begin = [](void* argument) {
      const Member& member = *static_cast<Member*>(argument);
      member.pool->work(member.worker);
    };
    if (!member.thread.start(begin, &member)) return;
    started_++;
  }
}

ThreadPool::~ThreadPool() {
  {
    Locked locked(lock_);
    stop_ = true;
  }
  wake_.wakeAll();
  for (int i = 0; i < started_; i++) members_[i].thread.join();
  freeMemory(shares_, size_t(members_.size() + 1) * sizeof(Share));
}

void ThreadPool::work(int worker) {
  unsigned long seen = 0;
  Locked locked(lock_);
  for (;;) {
    while (!stop_ && round_ == seen) wake_.wait(lock_);
    if (stop_) return;
    seen = round_;
    const Program& program = *program_;
    RunState& state = *state_;
    lock_.leave();
    __atomic_store_n(&state.shares[worker].processor, currentProcessor(), __ATOMIC_RELAXED);
    runWorker(program, state, worker);
    lock_.take();
    if (--active_ == 0) done_.wakeAll();
  }
}

void ThreadPool::run(const Program& program, const RunArguments& arguments, bool packs, double* seconds) {
  Locked oneAtATime(running_);
  for (int i = 0; i < workers(); i++) shares_[i] = {};
  RunState state;
  state.arguments = arguments;
  if (program.imageByImage) {
    state.batch = arguments.batch;
    state.arguments.batch = 1;
  }
  state.workers = workers();
  state.packs = packs;
  state.shares = shares_;
  state.relax = relax;
  state.seconds = seconds;
  state.now = now;
  state.forget = forget;
  {
    Locked locked(lock_);
    program_ = &program;
    state_ = &state;
    active_ = started_;
    round_++;
  }
  wake_.wakeAll();
  __atomic_store_n(&shares_[0].processor, currentProcessor(), __ATOMIC_RELAXED);
  runWorker(program, state, 0);
  Locked locked(lock_);
  while (active_ > 0) done_.wait(lock_);
}

}  // namespace densenet
