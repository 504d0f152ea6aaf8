// All kernels of one instruction set and precision. The build compiles this file once for each: VECTOR_WIDTH and the compiler's flags
// differ, DENSENET_IMPLEMENTATIONS names the one symbol that comes out, DENSENET_TILES the namespace of its tiles (tile.h). Everything else has
// internal linkage, so that the linker can never take another instruction set's copy of a shared function.
#include "bias.h"
#include "convolution_1x1.h"
#include "dense_layer.h"
#include "head.h"
#include "loss.h"
#include "optimizers.h"
#include "pixel_loss.h"
#include "pool.h"
#if !defined(__wasm__) && DENSENET_PRECISION != 64
#include "quantized_dense_layer.h"
#endif
#include "running_statistics.h"
#include "stem.h"
#include "transposed.h"
#include "winograd_3x3.h"

namespace densenet {

namespace {

constexpr KernelImplementation none(const char* why) { return {.refusal = why}; }

KernelImplementation convolutionForward(const Call& call) {
  if (isSame(call, 1)) return convolution1x1::forward;
  if (isSame(call, 3) && readsFeatures(call)) return winograd::forward;
  if (!call.norm.present()) return stem::forward;
  return none("convolves behind a norm by 1x1 without padding and by 3x3 with padding 1 only, of stride 1");
}

KernelImplementation convolutionBackward(const Call& call) {
  // Nobody wants the gradient of images.
  if (!call.inputGradient.present() && !call.norm.present()) return biased<stem::backward>(call);
  if (!call.inputGradient.present()) return none("has no gradients of a convolution's norm without that of its input");
  if (isSame(call, 1)) return biased<convolution1x1::backward>(call);
  if (isSame(call, 3)) return biased<winograd::backward>(call);
  return none("has the gradient of a convolution's input by 1x1 without padding and by 3x3 with padding 1 only, of stride 1");
}

/// `forward` or `backward`.
KernelImplementation transposedConvolution(const Call& call, const KernelImplementation& kernel) {
  return call.size == 3 && call.stride == 2 ? kernel : none("has transposed convolutions of 3x3 and stride 2 only");
}

/// A page loads the engine before it does anything: layers in int8 would make it larger for few.
KernelImplementation quantizedDenseLayer() {
#if defined(__wasm__)
  return none("has no layers in int8");
#elif DENSENET_PRECISION == 64
  return none("has no layers in int8 in double precision");
#else
  return quantized::denseLayerForward;
#endif
}

}  // namespace

KernelImplementation DENSENET_IMPLEMENTATIONS(const Call& call) {
  switch (call.kernel) {
    case Kernel::ConvolutionForward: return convolutionForward(call);
    case Kernel::ConvolutionBackward: return convolutionBackward(call);
    case Kernel::DenseLayerForward: return denseLayer::forward;
    case Kernel::QuantizedDenseLayerForward: return quantizedDenseLayer();
    case Kernel::TransposedConvolutionForward: return transposedConvolution(call, transposed::forward);
    case Kernel::TransposedConvolutionBackward: return transposedConvolution(call, WithBias<transposed::backward>::implementation);
    case Kernel::AveragePoolForward: return poolForward<averageForwardWork>;
    case Kernel::AveragePoolBackward: return poolBackward<averageBackwardWork>;
    case Kernel::MaxPoolForward: return poolForward<maxForwardWork>;
    case Kernel::MaxPoolBackward: return poolBackward<maxBackwardWork>;
    case Kernel::LinearForward: return linear::forward;
    case Kernel::LinearBackward: return linear::backward;
    case Kernel::CrossEntropy: return crossEntropy::implementation;
    case Kernel::BinaryCrossEntropy: return binaryCrossEntropy::implementation;
    case Kernel::PixelCrossEntropy: return pixelCrossEntropy::implementation;
    case Kernel::RunningStatistics: return runningStatistics::implementation;
    case Kernel::Sgd: return elementwise<sgdChunk>;
    case Kernel::AdamW: return elementwise<adamWChunk>;
    case Kernel::RmsProp: return elementwise<rmsPropChunk>;
    case Kernel::Blend: return elementwise<blendChunk>;
    case Kernel::Fill: return elementwise<fillChunk>;
    case Kernel::ClipGradients: return clipGradients::implementation;
    case Kernel::Count: break;
  }
  return none("has no kernel of this name");
}

}  // namespace densenet
