// Reads what src/engine/encode.ts writes: programs and calls as flat numbers, their fields in the order of vocabulary.h.
#pragma once
#include "program.h"

namespace densenet {

/// A program before its buffers and calls.
struct Outline {
  int batchSize;
  bool imageByImage, fixedParameters;
  int64_t arenaBytes, buffers, calls;
};

/// Bytes of a Real and an Element.
struct Sizes {
  int64_t real, element;
};
constexpr Sizes sizesOf(Precision precision) {
  return precision == Precision::Float64 ? Sizes{8, 8} : precision == Precision::BFloat16 ? Sizes{4, 2} : Sizes{4, 4};
}

class Decoder {
 public:
  Decoder(const double* from, const double* end, const Place& place = {}) : at_(from), end_(end), place_(place) {}
  /// That of the calls read from now on, whose precision stays.
  void place(const Place& place) {
    const Precision precision = place_.precision;
    place_ = place;
    place_.precision = precision;
  }

  /// Whether there were enough numbers, and every one could be what it was read as.
  bool good() const { return good_; }
  bool atEnd() const { return good_ && at_ == end_; }

  /// Whether what follows is of this vocabulary.
  bool begins() {
    if (next() != FINGERPRINT) return false;
    const double precision = next();
    good_ = good_ && precision >= 0 && precision < PRECISIONS;
    if (good_) place_.precision = Precision(int(precision));
    return good_;
  }
  /// That of the calls read from now on.
  Precision precision() const { return place_.precision; }

  Outline outline() {
    Outline to{};
    integer(to.batchSize);
    flag(to.imageByImage);
    flag(to.fixedParameters);
    whole(to.arenaBytes);
    whole(to.buffers);
    whole(to.calls);
    return to;
  }

  /// Its `data` is whose memory it is, which no encoding says.
  Buffer buffer() {
    Buffer to;
    whole(to.arenaOffset);
    whole(to.imageStep);
    return to;
  }

  Call call() {
    Call to;
    to.code = at_;
    const double kernel = next();
    good_ = good_ && kernel >= 0 && kernel < double(int(Kernel::Count));
    if (!good_) return to;
    to.kernel = Kernel(int(kernel));
    readFields(*this, to);
    return to;
  }

  // The kinds of fields.
  void number(double& to) { to = next(); }
  void whole(int64_t& to) { to = int64_t(next()); }
  void integer(int& to) { to = int(next()); }
  void flag(bool& to) { to = next() != 0; }
  bool present() { return next() != 0; }

  void ref(const Real*& to) { to = static_cast<const Real*>(real()); }
  void ref(Real*& to) { to = static_cast<Real*>(real()); }
  void weight(const Real*& to, Weights& weights) {
    ref(to);
    weights.from = to;
    whole(weights.count);
  }
  void view(View& to) { view(to, sizesOf(precision()).element); }
  void scores(View& to) { view(to, sizesOf(precision()).real); }
  void view(OutputGradient& to) { view(to.gradient); }
  void view(InputGradient& to) { view(to.gradient); }
  void scores(OutputGradient& to) { scores(to.gradient); }

 private:
  void view(View& to, int64_t size) {
    const double buffer = next(), stride = next(), first = next();
    integer(to.channels);
    integer(to.height);
    integer(to.width);
    to.imageStep = int64_t(stride) * to.pixels();
    to.data = locate(buffer, int64_t(first) * to.pixels() * size);
  }
  void* real() {
    const double buffer = next();
    return locate(buffer, int64_t(next()) * sizesOf(precision()).real);
  }
  double next() {
    if (at_ < end_) return *at_++;
    good_ = false;
    return 0;
  }

  void* locate(double number, int64_t byte) {
    static char somewhere;
    if (!place_.buffers) return &somewhere;
    const bool exists = number >= 0 && number < double(place_.count);
    const Buffer* buffer = exists ? &place_.buffers[int64_t(number)] : nullptr;
    char* base = !exists ? nullptr : buffer->arenaOffset >= 0 ? place_.arena : buffer->data;
    if (!base) {
      good_ = false;
      return &somewhere;
    }
    return base + (buffer->arenaOffset >= 0 ? buffer->arenaOffset : place_.image * buffer->imageStep) + byte;
  }

  const double *at_, *end_;
  Place place_;
  bool good_ = true;
};

}  // namespace densenet
