#include "thread_pool.h"

#include <chrono>

namespace densenet {

namespace {
double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
// Yielding is quick when the other threads run; sleeping leaves a busy machine to those we wait for.
void relax(int times) {
  if (times < 64) std::this_thread::yield();
  else std::this_thread::sleep_for(std::chrono::microseconds(30));
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
  runWorker(program, state, 0);
  std::unique_lock<std::mutex> lock(mutex_);
  done_.wait(lock, [&] { return active_ == 0; });
}

}  // namespace densenet
