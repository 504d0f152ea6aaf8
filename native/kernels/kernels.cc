// All kernels of one instruction set. The build compiles this file once for each: VECTOR_WIDTH and the compiler's flags
// differ, DENSENET_IMPLEMENTATIONS names the one symbol that comes out. Everything else has internal linkage, so that
// the linker can never take another instruction set's copy of a shared function.
#include "convolution_1x1.h"
#include "dense_layer.h"
#include "head.h"
#include "loss.h"
#include "optimizers.h"
#include "pool.h"
#include "running_statistics.h"
#include "stem.h"
#include "winograd_3x3.h"

namespace densenet {

KernelImplementation DENSENET_IMPLEMENTATIONS(const Call& call) {
  // The first convolution reads images: no norm, few channels, and a gradient that nobody wants.
  const bool readsFeatures = call.norm.present() || call.input.channels >= 8;
  const bool wantsGradient = call.inputGradient.present() || call.norm.present();
  switch (call.kernel) {
    case Kernel::ConvolutionForward:
      if (call.size == 1) return convolution1x1::forward;
      if (readsFeatures && call.size == 3 && call.stride == 1 && call.padding == 1) return winograd::forward;
      return stem::forward;
    case Kernel::ConvolutionBackward:
      if (call.size == 1) return convolution1x1::backward;
      return wantsGradient ? winograd::backward : stem::backward;
    case Kernel::DenseLayerForward: return denseLayer::forward;
    case Kernel::AveragePoolForward: return poolForward<averageForwardWork>;
    case Kernel::AveragePoolBackward: return poolBackward<averageBackwardWork>;
    case Kernel::MaxPoolForward: return poolForward<maxForwardWork>;
    case Kernel::MaxPoolBackward: return poolBackward<maxBackwardWork>;
    case Kernel::LinearForward: return linear::forward;
    case Kernel::LinearBackward: return linear::backward;
    case Kernel::CrossEntropy: return crossEntropy::implementation;
    case Kernel::BinaryCrossEntropy: return binaryCrossEntropy::implementation;
    case Kernel::RunningStatistics: return runningStatistics::implementation;
    case Kernel::Sgd: return elementwise<sgdChunk>;
    case Kernel::AdamW: return elementwise<adamWChunk>;
    case Kernel::RmsProp: return elementwise<rmsPropChunk>;
    case Kernel::Blend: return elementwise<blendChunk>;
    case Kernel::Fill: return elementwise<fillChunk>;
    case Kernel::ClipGradients: return clipGradients::implementation;
    default: return {};
  }
}

}  // namespace densenet
