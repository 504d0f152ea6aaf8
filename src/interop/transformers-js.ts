// A folder that transformers.js opens (pipeline('image-classification', FOLDER)): config.json, preprocessor_config.json
// and the network as onnx/model.onnx, also in half precision and with int8 weights. transformers.js (4.3) knows no DenseNet
// and refuses a model_type that is not in its table; of those "resnet" is one from pixel_values to logits, and no more
// than that is made of it.

import { DenseNetError } from '../errors.js'
import { refusePixels } from '../model/describe.js'
import { type NetworkWeights, type OnnxOptions, type OnnxPrecision, onnxGraph } from './onnx-graph.js'
import { encodeOnnx } from './onnx-model.js'
import { fractions, type Preprocessing } from './timm.js'

/** The file that each of transformers.js's dtypes (fp32, fp16, q8) reads. */
const MODELS: readonly (readonly [string, OnnxPrecision])[] = [
  ['onnx/model_quantized.onnx', 'int8'],
  ['onnx/model_fp16.onnx', 'float16'],
  ['onnx/model.onnx', 'float32'],
]

/** The files by name, the most important last. */
export function transformersFiles(
  network: NetworkWeights & Preprocessing & { readonly multiLabel?: boolean },
  options: OnnxOptions,
): [string, string | Uint8Array][] {
  const { config, classes, normalisation, multiLabel } = network
  refusePixels(config, 'a folder for transformers.js')
  if (multiLabel) {
    throw new DenseNetError(
      'transformers.js takes a softmax over all classes; of this network each class has a probability of its own',
      { hint: 'write an .onnx file, and take the sigmoid of its logits' },
    )
  }
  if (config.inputChannels !== 3) {
    throw new DenseNetError(`transformers.js reads images of 3 channels, the network of ${config.inputChannels}`)
  }
  if (normalisation === null) {
    throw new DenseNetError('transformers.js needs mean and deviation of the images, which these weights do not tell', {
      hint: 'give --mean and --std',
    })
  }
  const labels = Array.from({ length: config.classes }, (_, i) => classes[i] ?? `class ${i}`)
  const description = {
    model_type: 'resnet',
    architectures: ['DenseNetForImageClassification'],
    num_channels: config.inputChannels,
    id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
  }
  const graph = (precision: OnnxPrecision): Uint8Array =>
    encodeOnnx(onnxGraph(network, { ...options, precision, inputName: 'pixel_values' }))
  const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`
  return [
    ...MODELS.map(([name, precision]): [string, Uint8Array] => [name, graph(precision)]),
    ['preprocessor_config.json', json(preprocessor(network, normalisation))],
    ['config.json', json(description)],
  ]
}

function preprocessor(
  { config, preprocessing }: NetworkWeights & Preprocessing,
  { mean, deviation }: NonNullable<Preprocessing['normalisation']>,
): object {
  const { height, width } = config
  const crop = preprocessing?.crop === height && height === width ? preprocessing : null
  return {
    image_processor_type: 'ViTImageProcessor',
    do_resize: true,
    size: crop ? { shortest_edge: crop.resize } : { height, width },
    // Pillow's numbers: 2 bilinear, 3 bicubic.
    resample: crop && crop.interpolation !== 'bilinear' ? 3 : 2,
    do_center_crop: crop !== null,
    ...(crop ? { crop_size: { height, width } } : {}),
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: fractions(mean),
    image_std: fractions(deviation),
  }
}
