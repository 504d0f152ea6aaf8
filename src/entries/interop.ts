/** Weights of other programs, in and out of bytes. Loads anywhere.
 * @module densenet/interop */

export { type DecodeOptions, decodeWeights, type ReadHdf5 } from '../interop/decode-weights.js'
export {
  type EncodedWeights,
  type ExportedNetwork,
  encodeWeights,
  exportFormat,
  exportFormats,
} from '../interop/encode-weights.js'
export { type ImportedWeights, type ImportOptions, importWeights, refuseHeadless } from '../interop/import-weights.js'
export { onnxPrecisions } from '../interop/onnx-graph.js'
export { decodeSafetensors, encodeSafetensors, type TensorFile } from '../interop/safetensors.js'
export type { Tensor } from '../interop/tensor.js'
export {
  colourOrders,
  type FileFacts,
  type LayerInFile,
  nameChoices,
  type WeightFile,
  type WeightFormat,
  weightChoices,
} from '../interop/weight-file.js'
