// The threads that run programs: the caller is worker 0, the pool's own threads are the others. They sleep between runs.
#pragma once
#include "array.h"
#include "program.h"
#include "threads.h"

namespace densenet {

class ThreadPool : public Counted {
 public:
  explicit ThreadPool(int workers);
  ~ThreadPool();
  /// Fewer than were asked for where the operating system gives no more threads.
  int workers() const { return started_ + 1; }
  /// Runs the program on all workers; one run at a time, later callers wait. `packs` and `seconds` as in RunState.
  void run(const Program& program, const RunArguments& arguments, bool packs, double* seconds);

 private:
  struct Member {
    ThreadPool* pool = nullptr;
    int worker = 0;
    Thread thread;
  };
  void work(int worker);
  Array<Member> members_;
  int started_ = 0;
  Share* shares_;
  Lock running_, lock_;
  Signal wake_, done_;
  const Program* program_ = nullptr;
  RunState* state_ = nullptr;
  unsigned long round_ = 0;
  int active_ = 0;
  bool stop_ = false;
};

}  // namespace densenet
