// What little of a library of C++ the addon would need. Without that library it builds in a third of the time, and is the same everywhere.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace densenet {

inline void* allocate(size_t bytes) {
  void* memory = malloc(bytes > 0 ? bytes : 1);
  if (!memory) abort();
  return memory;
}

/// So many elements.
template <class T>
class Array {
 public:
  Array() = default;
  explicit Array(int64_t count) { make(count); }
  ~Array() { clear(); }
  Array(const Array&) = delete;
  /// Instead of those it had.
  void make(int64_t count) {
    clear();
    data_ = static_cast<T*>(allocate(size_t(count) * sizeof(T)));
    count_ = count;
    for (T& element : *this) new (&element) T();
  }
  int64_t size() const { return count_; }
  T* data() const { return data_; }
  T* begin() const { return data_; }
  T* end() const { return data_ + count_; }
  T& operator[](int64_t i) const { return data_[i]; }

 private:
  void clear() {
    for (T& element : *this) element.~T();
    free(data_);
  }
  T* data_ = nullptr;
  int64_t count_ = 0;
};

/// Lives as long as somebody holds it; all holders are on one thread.
struct Counted {
  int holders = 0;
  static void* operator new(size_t bytes) { return allocate(bytes); }
  static void operator delete(void* memory) { free(memory); }
};

template <class T>
class Held {
 public:
  Held(T* counted = nullptr) : counted_(counted) {
    if (counted_) counted_->holders++;
  }
  Held(const Held& other) : Held(other.counted_) {}
  Held& operator=(const Held& other) {
    T* const before = counted_;
    counted_ = other.counted_;
    if (counted_) counted_->holders++;
    letGo(before);
    return *this;
  }
  ~Held() { letGo(counted_); }
  T* operator->() const { return counted_; }
  T& operator*() const { return *counted_; }
  explicit operator bool() const { return counted_ != nullptr; }

 private:
  static void letGo(T* counted) {
    if (counted && --counted->holders == 0) delete counted;
  }
  T* counted_;
};

}  // namespace densenet
