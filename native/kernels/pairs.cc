// Convolutions of an instruction set that has products of bfloat16, where they are faster, and else is another one's: compiled once for each,
// as kernels.cc.
#include "convolution_1x1.h"
#include "direct_3x3.h"

namespace densenet {

KernelImplementation DENSENET_IMPLEMENTATIONS(const Call& call) {
  const bool isForward = call.kernel == Kernel::ConvolutionForward;
  if (!isForward && call.kernel != Kernel::ConvolutionBackward) return {.refusal = "multiplies in convolutions only"};
  if (!isForward && !call.inputGradient.present()) return {.refusal = "has no gradients of a convolution without that of its input"};
  if (isSame(call, 1)) return isForward ? convolution1x1::forward : biased<convolution1x1::backward>(call);
  const bool isDirect = isSame(call, 3) && (!isForward || readsFeatures(call)) && direct3x3::suits(call);
  if (isDirect) return isForward ? direct3x3::forward : biased<direct3x3::backward>(call);
  return {.refusal = "convolves by 1x1, and by 3x3 to few outputs, only"};
}

}  // namespace densenet
