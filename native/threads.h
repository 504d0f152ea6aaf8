// Threads, locks and the clock of the operating system.
#pragma once
#include "array.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>
#endif

namespace densenet {

typedef void (*ThreadFunction)(void* argument);

#if defined(_WIN32)

class Lock {
 public:
  void take() { AcquireSRWLockExclusive(&lock_); }
  void leave() { ReleaseSRWLockExclusive(&lock_); }

 private:
  friend class Signal;
  SRWLOCK lock_ = SRWLOCK_INIT;
};

class Signal {
 public:
  void wait(Lock& lock) { SleepConditionVariableSRW(&signal_, &lock.lock_, INFINITE, 0); }
  void wakeAll() { WakeAllConditionVariable(&signal_); }

 private:
  CONDITION_VARIABLE signal_ = CONDITION_VARIABLE_INIT;
};

class Thread {
 public:
  /// False where there may be no more threads.
  bool start(ThreadFunction function, void* argument) {
    function_ = function;
    argument_ = argument;
    thread_ = CreateThread(nullptr, 0, run, this, 0, nullptr);
    return thread_ != nullptr;
  }
  void join() {
    WaitForSingleObject(thread_, INFINITE);
    CloseHandle(thread_);
  }

 private:
  static DWORD WINAPI run(void* self) {
    static_cast<Thread*>(self)->function_(static_cast<Thread*>(self)->argument_);
    return 0;
  }
  ThreadFunction function_ = nullptr;
  void* argument_ = nullptr;
  HANDLE thread_ = nullptr;
};

inline double now() {
  LARGE_INTEGER ticks, perSecond;
  QueryPerformanceCounter(&ticks);
  QueryPerformanceFrequency(&perSecond);
  return double(ticks.QuadPart) / double(perSecond.QuadPart);
}
inline void yieldProcessor() { SwitchToThread(); }
/// Windows sleeps a millisecond at least, which is too long.
inline void sleepShortly() { Sleep(0); }

#else

class Lock {
 public:
  void take() { pthread_mutex_lock(&lock_); }
  void leave() { pthread_mutex_unlock(&lock_); }

 private:
  friend class Signal;
  pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
};

class Signal {
 public:
  void wait(Lock& lock) { pthread_cond_wait(&signal_, &lock.lock_); }
  void wakeAll() { pthread_cond_broadcast(&signal_); }

 private:
  pthread_cond_t signal_ = PTHREAD_COND_INITIALIZER;
};

class Thread {
 public:
  /// False where there may be no more threads.
  bool start(ThreadFunction function, void* argument) {
    function_ = function;
    argument_ = argument;
    // musl gives a thread 128 KB.
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, size_t(2) << 20);
    const bool started = pthread_create(&thread_, &attributes, run, this) == 0;
    pthread_attr_destroy(&attributes);
    return started;
  }
  void join() { pthread_join(thread_, nullptr); }

 private:
  static void* run(void* self) {
    static_cast<Thread*>(self)->function_(static_cast<Thread*>(self)->argument_);
    return nullptr;
  }
  ThreadFunction function_ = nullptr;
  void* argument_ = nullptr;
  pthread_t thread_{};
};

inline double now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}
inline void yieldProcessor() { sched_yield(); }
inline void sleepShortly() {
  const timespec time{0, 30'000};
  nanosleep(&time, nullptr);
}

#endif

/// While it lives.
class Locked {
 public:
  explicit Locked(Lock& lock) : lock_(lock) { lock_.take(); }
  ~Locked() { lock_.leave(); }
  Locked(const Locked&) = delete;

 private:
  Lock& lock_;
};

}  // namespace densenet
