// The threads that run programs: the caller is worker 0, the pool's own threads are the others. They sleep between runs.
#pragma once
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "program.h"

namespace densenet {

class ThreadPool {
 public:
  explicit ThreadPool(int workers);
  ~ThreadPool();
  int workers() const { return int(threads_.size()) + 1; }
  /// Runs the program on all workers; one run at a time, later callers wait. `packs` and `seconds` as in RunState.
  void run(const Program& program, const RunArguments& arguments, bool packs, double* seconds);

 private:
  void work(int worker);
  std::mutex running_, mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> threads_;
  const Program* program_ = nullptr;
  RunState* state_ = nullptr;
  unsigned long round_ = 0;
  int active_ = 0;
  bool stop_ = false;
};

}  // namespace densenet
