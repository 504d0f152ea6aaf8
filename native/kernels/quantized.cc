// The layers in int8 of an instruction set that has them by instructions of their own (VNNI), and else is another one's: as kernels.cc,
// compiled once for each. Sums of whole numbers are the same in all.
#include "quantized_dense_layer.h"

namespace densenet {

KernelImplementation DENSENET_IMPLEMENTATIONS(const Call& call) {
  if (call.kernel == Kernel::QuantizedDenseLayerForward) return quantized::denseLayerForward;
  return {.refusal = "multiplies in layers in int8 only"};
}

}  // namespace densenet
