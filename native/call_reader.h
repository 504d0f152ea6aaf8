// A call of src/engine/kernels.ts as a plain struct, read strictly: every field that the kernel's interface names must be there and
// be of its kind, and there may be no other. Otherwise a misspelt stride would be 0, and a misspelt norm none.
#pragma once
#include <napi.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "program.h"

namespace densenet {

class CallReader {
 public:
  /// For who looks at shapes only, and at which pointers there are: all buffers stand at one made-up address.
  CallReader() = default;
  /// bases[i] is buffer i.
  explicit CallReader(std::vector<float*> bases) : bases_(std::move(bases)), anywhere_(false) {}

  /// What is wrong with the last call that was read: "stride is missing". Empty: nothing.
  const std::string& problem() const { return problem_; }

  Call read(const Napi::Value& value) {
    problem_.clear();
    Call call;
    if (!value.IsObject()) {
      problem_ = "a call must be an object";
      return call;
    }
    Object from{value.As<Napi::Object>(), "", {}};
    const auto kernel = get(from, "kernel");
    const auto found = kernels().find(kernel.IsString() ? kernel.As<Napi::String>().Utf8Value() : "");
    if (found == kernels().end()) {
      wrong(from, "kernel", "must be the name of a kernel");
      return call;
    }
    call.kernel = found->second;
    readFields(from, call);
    end(from);
    return call;
  }

 private:
  struct Object {
    Napi::Object object;
    std::string path;  // "norm.", empty for the call itself
    std::vector<const char*> taken;
  };

  static const std::map<std::string, Kernel>& kernels() {
    static const std::map<std::string, Kernel> names{
        {"convolutionForward", Kernel::ConvolutionForward}, {"convolutionBackward", Kernel::ConvolutionBackward},
        {"denseLayerForward", Kernel::DenseLayerForward},
        {"averagePoolForward", Kernel::AveragePoolForward}, {"averagePoolBackward", Kernel::AveragePoolBackward},
        {"maxPoolForward", Kernel::MaxPoolForward},         {"maxPoolBackward", Kernel::MaxPoolBackward},
        {"linearForward", Kernel::LinearForward},           {"linearBackward", Kernel::LinearBackward},
        {"crossEntropy", Kernel::CrossEntropy},             {"binaryCrossEntropy", Kernel::BinaryCrossEntropy},
        {"runningStatistics", Kernel::RunningStatistics},   {"sgd", Kernel::Sgd},
        {"adamW", Kernel::AdamW},                           {"rmsProp", Kernel::RmsProp},
        {"clipGradients", Kernel::ClipGradients},           {"blend", Kernel::Blend},
        {"fill", Kernel::Fill}};
    return names;
  }

  // ---- each kernel's interface ----------------------------------------------------------------------------------

  void readFields(Object& from, Call& call) {
    switch (call.kernel) {
      case Kernel::ConvolutionForward:
        geometry(from, call);
        inputAndNorm(from, call);
        call.weight = ref(from, "weight");
        if (!from.object.Get("foldedBias").IsUndefined()) call.bias = refOrNull(from, "foldedBias");
        outputAndStatistics(from, call);
        dropout(from, call);
        break;
      case Kernel::ConvolutionBackward:
        geometry(from, call);
        inputAndNorm(from, call);
        call.weight = ref(from, "weight");
        call.weightGradient = ref(from, "weightGradient");
        outputGradient(from, call);
        ifAny(from, "inputGradient", [&](Object& in) { inputGradient(in, call); });
        dropout(from, call);
        break;
      case Kernel::DenseLayerForward:
        call.input = view(from, "input");
        within(from, "norm", [&](Object& in) { norm(in, call); });
        call.channels = integer(from, "channels", 1);
        call.weight = ref(from, "weight");
        call.bias = ref(from, "foldedBias");
        call.growthWeight = ref(from, "growthWeight");
        call.output = view(from, "output");
        break;
      case Kernel::MaxPoolForward:
      case Kernel::AveragePoolForward:
        window(from, call);
        inputAndNorm(from, call);
        outputAndStatistics(from, call);
        break;
      case Kernel::MaxPoolBackward:
      case Kernel::AveragePoolBackward:
        window(from, call);
        inputAndNorm(from, call);
        outputGradient(from, call);
        within(from, "inputGradient", [&](Object& in) { inputGradient(in, call); });
        break;
      case Kernel::LinearForward:
        call.input = view(from, "input");
        call.weight = ref(from, "weight");
        call.bias = ref(from, "bias");
        call.output = view(from, "output");
        break;
      case Kernel::LinearBackward:
        call.input = view(from, "input");
        call.weight = ref(from, "weight");
        call.weightGradient = ref(from, "weightGradient");
        call.biasGradient = ref(from, "biasGradient");
        call.outputGradient.gradient = view(from, "outputGradient");
        call.inputGradient.gradient = view(from, "inputGradient");
        break;
      case Kernel::CrossEntropy:
        loss(from, call);
        call.labels = ref(from, "labels");
        ifAny(from, "mixed", [&](Object& mixed) {
          call.otherLabels = ref(mixed, "labels");
          call.share = ref(mixed, "share");
        });
        break;
      case Kernel::BinaryCrossEntropy:
        loss(from, call);
        call.labels = refOrNull(from, "labels");
        call.targets = view(from, "targets");
        break;
      case Kernel::RunningStatistics:
        call.channels = integer(from, "channels", 1);
        call.pixels = whole(from, "pixels", 1);
        call.momentum = float(number(from, "momentum"));
        within(from, "statistics", [&](Object& in) { statistics(in, call); });
        call.runningMean = ref(from, "runningMean");
        call.runningVariance = ref(from, "runningVariance");
        break;
      case Kernel::Sgd:
        update(from, call);
        call.momentum = float(number(from, "momentum"));
        call.nesterov = flag(from, "nesterov");
        call.velocity = ref(from, "velocity");
        break;
      case Kernel::AdamW:
        update(from, call);
        call.beta1 = number(from, "beta1");
        call.beta2 = number(from, "beta2");
        call.epsilon = number(from, "epsilon");
        call.firstMoment = ref(from, "firstMoment");
        call.secondMoment = ref(from, "secondMoment");
        break;
      case Kernel::RmsProp:
        update(from, call);
        call.alpha = number(from, "alpha");
        call.epsilon = number(from, "epsilon");
        call.momentum = float(number(from, "momentum"));
        call.secondMoment = ref(from, "secondMoment");
        call.velocity = ref(from, "velocity");
        break;
      case Kernel::ClipGradients:
        call.elements = whole(from, "elements", 0);
        call.limit = number(from, "limit");
        call.gradients = ref(from, "gradients");
        break;
      case Kernel::Blend:
        call.elements = whole(from, "elements", 0);
        call.source = ref(from, "source");
        call.target = ref(from, "target");
        break;
      case Kernel::Fill:
        call.elements = whole(from, "elements", 0);
        call.value = number(from, "value");
        call.target = ref(from, "target");
        break;
      case Kernel::Count: break;
    }
  }

  void geometry(Object& from, Call& call) {
    call.size = integer(from, "size", 1);
    call.stride = integer(from, "stride", 1);
    call.padding = integer(from, "padding", 0);
  }

  void window(Object& from, Call& call) {
    if (call.kernel == Kernel::MaxPoolForward || call.kernel == Kernel::MaxPoolBackward) return geometry(from, call);
    call.windowHeight = integer(from, "windowHeight", 1);
    call.windowWidth = integer(from, "windowWidth", 1);
  }

  void inputAndNorm(Object& from, Call& call) {
    call.input = view(from, "input");
    ifAny(from, "norm", [&](Object& in) { norm(in, call); });
  }

  void norm(Object& from, Call& call) {
    call.norm = {ref(from, "gamma"), ref(from, "beta"), ref(from, "mean"), ref(from, "variance"), float(number(from, "epsilon"))};
  }

  void outputAndStatistics(Object& from, Call& call) {
    call.output = view(from, "output");
    ifAny(from, "statistics", [&](Object& in) { statistics(in, call); });
  }

  void statistics(Object& from, Call& call) { call.statistics = {ref(from, "mean"), ref(from, "variance")}; }

  void dropout(Object& from, Call& call) {
    ifAny(from, "dropout", [&](Object& in) {
      call.dropout = {float(number(in, "rate")), integer(in, "layer", 0)};
      if (!(call.dropout.rate >= 0 && call.dropout.rate < 1)) wrong(in, "rate", "must be at least 0 and below 1");
    });
  }

  void outputGradient(Object& from, Call& call) {
    within(from, "outputGradient", [&](Object& out) {
      auto& to = call.outputGradient;
      to.gradient = view(out, "gradient");
      ifAny(out, "deferred", [&](Object& deferred) {
        to.value = view(deferred, "value");
        to.mean = ref(deferred, "mean");
        to.variance = ref(deferred, "variance");
        to.epsilon = float(number(deferred, "epsilon"));
        to.a = ref(deferred, "a");
        to.b = ref(deferred, "b");
      });
    });
  }

  void inputGradient(Object& from, Call& call) {
    auto& to = call.inputGradient;
    to.gradient = view(from, "gradient");
    to.accumulate = flag(from, "accumulate");
    ifAny(from, "norm", [&](Object& norm) {
      to.gamma = ref(norm, "gamma");
      to.beta = ref(norm, "beta");
      to.a = ref(norm, "a");
      to.b = ref(norm, "b");
    });
  }

  void loss(Object& from, Call& call) {
    call.input = view(from, "logits");
    call.smoothing = number(from, "smoothing");
    call.classWeights = refOrNull(from, "classWeights");
    call.loss = ref(from, "loss");
    call.rank = ref(from, "rank");
    ifAny(from, "gradient", [&](Object& in) { call.inputGradient.gradient = view(in); });
  }

  void update(Object& from, Call& call) {
    call.elements = whole(from, "elements", 0);
    call.weightDecay = float(number(from, "weightDecay"));
    call.parameters = ref(from, "parameters");
    call.gradients = ref(from, "gradients");
  }

  // ---- fields ---------------------------------------------------------------------------------------------------

  void wrong(const Object& from, const std::string& name, const std::string& what) {
    if (problem_.empty()) problem_ = from.path + name + " " + what;
  }

  Napi::Value get(Object& from, const char* name) {
    from.taken.push_back(name);
    const Napi::Value value = from.object.Get(name);
    if (value.IsUndefined()) wrong(from, name, "is missing");
    return value;
  }

  /// Whether there are fields that nobody took.
  void end(const Object& from) {
    if (!problem_.empty()) return;
    const Napi::Array names = from.object.GetPropertyNames();
    if (names.Length() == from.taken.size()) return;
    for (uint32_t i = 0; i < names.Length(); i++) {
      const std::string name = Napi::Value(names[i]).ToString();
      const bool taken = std::any_of(from.taken.begin(), from.taken.end(), [&](const char* known) { return name == known; });
      // An optional field may be there and say nothing.
      if (!taken && !from.object.Get(name).IsUndefined()) wrong(from, name, "is no field of it");
    }
  }

  template <class Read>
  void within(Object& from, const char* name, Read read) {
    const Napi::Value value = get(from, name);
    if (!value.IsObject()) return wrong(from, name, "must be an object");
    Object inner{value.As<Napi::Object>(), from.path + name + ".", {}};
    read(inner);
    end(inner);
  }

  template <class Read>
  void ifAny(Object& from, const char* name, Read read) {
    if (from.object.Get(name).IsNull()) from.taken.push_back(name);
    else within(from, name, read);
  }

  double number(Object& from, const char* name) {
    const Napi::Value value = get(from, name);
    const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
    if (std::isnan(number)) wrong(from, name, "must be a number");
    return number;
  }

  int64_t whole(Object& from, const char* name, int64_t least, int64_t most = int64_t(1) << 53) {
    const double value = number(from, name);
    if (value == std::floor(value) && value >= double(least) && value <= double(most)) return int64_t(value);
    wrong(from, name, "must be a whole number of " + std::to_string(least) + " or more");
    return least;
  }
  int integer(Object& from, const char* name, int least) { return int(whole(from, name, least, INT32_MAX)); }

  bool flag(Object& from, const char* name) {
    const Napi::Value value = get(from, name);
    if (!value.IsBoolean()) wrong(from, name, "must be true or false");
    return value.IsBoolean() && value.As<Napi::Boolean>().Value();
  }

  /// `elements` into the buffer that an object names.
  float* place(Object& from, int64_t elements) {
    static float somewhere;
    const int64_t buffer = whole(from, "buffer", 0);
    if (anywhere_) return &somewhere;
    if (size_t(buffer) < bases_.size() && bases_[size_t(buffer)]) return bases_[size_t(buffer)] + elements;
    wrong(from, "buffer", "is the number of no buffer");
    return &somewhere;
  }

  float* ref(Object& from, const char* name) {
    float* found = nullptr;
    within(from, name, [&](Object& in) { found = place(in, whole(in, "offset", 0)); });
    return found;
  }
  float* refOrNull(Object& from, const char* name) {
    float* found = nullptr;
    ifAny(from, name, [&](Object& in) { found = place(in, whole(in, "offset", 0)); });
    return found;
  }

  View view(Object& from) {
    View to;
    to.channels = integer(from, "channels", 1);
    to.height = integer(from, "height", 1);
    to.width = integer(from, "width", 1);
    to.imageStep = whole(from, "stride", 1) * to.pixels();
    to.data = place(from, whole(from, "first", 0) * to.pixels());
    return to;
  }
  View view(Object& from, const char* name) {
    View to;
    within(from, name, [&](Object& in) { to = view(in); });
    return to;
  }

  std::vector<float*> bases_;
  bool anywhere_ = true;
  std::string problem_;
};

}  // namespace densenet
