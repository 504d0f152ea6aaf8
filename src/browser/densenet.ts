// DenseNet in a page. The network, its training and its threads are in a worker of its own: what is here only asks.
import type * as evaluation from '../evaluation/evaluate.js'
import type { Predictions } from '../evaluation/predict.js'
import type * as fitting from '../fitting/fit.js'
import type { Dataset, Normalisation } from '../images/dataset.js'
import type { Preprocessing } from '../images/transforms/preprocess.js'
import type * as inference from '../inference/classifier.js'
import type { Prediction } from '../inference/classify.js'
import type * as features from '../inference/features.js'
import type { RawImage } from '../inference/image-input.js'
import type { GradCam } from '../inspect/class-maps.js'
import type { EncodedWeights, ExportFormat, ExportOptions } from '../interop/encode-weights.js'
import type { ImportReport } from '../interop/import-weights.js'
import type { DenseNetConfig, DenseNetOptions } from '../model/config.js'
import type { Summary } from '../model/summary.js'
import type { CreateOptions, Network } from '../networks/network.js'
import type { BytesOptions } from '../networks/open-bytes.js'
import type { Metrics } from '../training/metrics.js'
import type { Schedule, ScheduleName } from '../training/schedule.js'
import type { TrainingResult } from '../training/trainer.js'
import type { WebComputeOptions } from './backend.js'
import type { Beginning, Facts } from './messages.js'
import { web } from './platform.js'
import { Remote } from './remote.js'

/** The bytes of an image file (JPEG, PNG, WebP, GIF), a Blob of them, or pixels such as a canvas's ImageData. */
export type ImageInput = Uint8Array | ArrayBuffer | Blob | RawImage

/** For weights from elsewhere: what their files do not tell. Our own checkpoints tell everything. */
export type LoadOptions = BytesOptions

/** Of Node's options: how it computes there. */
type OfNode = 'backend' | 'threads' | 'on' | 'onWarning' | 'loaderThreads'

export interface EvaluateOptions extends Omit<evaluation.EvaluateOptions, OfNode>, WebComputeOptions {}

/** The same as to evaluate. */
export type PredictOptions = EvaluateOptions

export interface ClassifyOptions extends inference.ClassifyOptions, WebComputeOptions {}

export interface FeatureOptions extends Omit<features.FeatureOptions, OfNode>, WebComputeOptions {}

export interface FitOptions
  extends Omit<fitting.FitOptions, OfNode | 'schedule' | 'output' | 'resume' | 'tensorboard' | 'dataFolder'>,
    WebComputeOptions {
  readonly schedule?: Exclude<ScheduleName | Schedule, Schedule>
  /** A new folder of the origin's private file system, for checkpoints and log. */
  readonly output?: string
  /** Goes on with the run in this folder, with its recipe; only `epochs` may then be given anew. */
  readonly resume?: string
}

/** A DenseNet with its weights: create, load, save, fit, evaluate, as in Node, but that all of it are promises. Each has a
 * worker of its own, so that a page never waits for it, until `dispose`. */
export class DenseNet {
  /** A preset's name, or a description. */
  readonly name!: string
  readonly config!: DenseNetConfig
  /** In label order; empty when not known. */
  classes!: readonly string[]
  normalisation!: Normalisation | null
  /** How photographs get to its size; null for networks of small images. */
  preprocessing!: Preprocessing | null
  /** How weights from elsewhere were understood: what matched, what was assumed; null for others. */
  readonly imported!: ImportReport | null
  /** Whether an image may belong to several classes, or to none: their probabilities are then each class's own. */
  multiLabel!: boolean
  readonly #remote = new Remote((facts: Facts) => Object.assign(this, facts))

  private constructor() {}

  static async #begin(beginning: Beginning): Promise<DenseNet> {
    const made = new DenseNet()
    try {
      await made.#remote.call('begin', [beginning], {}, null)
      return made
    } catch (error) {
      made.dispose()
      throw error
    }
  }

  /** A network with fresh weights: a preset's name with changes, or a complete description. */
  static create(model: string | DenseNetOptions, options: CreateOptions = {}): Promise<DenseNet> {
    return DenseNet.#begin({ create: [model, options] })
  }

  /** From the bytes of a file, a Blob or an address: our own checkpoints, or weights of other programs: safetensors, PyTorch,
   * Keras, Torch7; `imported` then says how they were understood. */
  static load(source: Uint8Array | ArrayBuffer | Blob | URL | string, options: LoadOptions = {}): Promise<DenseNet> {
    return DenseNet.#begin({ load: [portable(source), options] })
  }

  #call<T>(name: string, args: readonly unknown[], options: object = {}): Promise<T> {
    const { classes, normalisation, preprocessing, multiLabel } = this
    return this.#remote.call(name, args, withAddresses(options), { classes, normalisation, preprocessing, multiLabel })
  }

  /** Weights, classes, normalisation and preprocessing: the bytes of one safetensors file, as Node's `save` writes it. */
  save(): Promise<Uint8Array> {
    return this.#call('save', [])
  }

  /** The weights for other programs: the bytes of a file, or those of a folder's files with their names. */
  export(to: 'safetensors' | 'pth' | 'onnx', options?: Omit<ExportOptions, 'to'>): Promise<Uint8Array>
  export(to: ExportFormat, options?: Omit<ExportOptions, 'to'>): Promise<EncodedWeights>
  export(to: ExportFormat, options: Omit<ExportOptions, 'to'> = {}): Promise<EncodedWeights> {
    return this.#call('export', [to], options)
  }

  /** The same network with a new classifier for `classes` classes, everything else as it is. */
  async withNewClassifier(classes: number, options: { readonly seed?: number } = {}): Promise<DenseNet> {
    return DenseNet.#begin({ network: await this.#call<Network>('renewed', [classes], options) })
  }

  /** All weights in parameter order, and running statistics: copies. */
  get state(): Promise<{ readonly parameters: Float32Array; readonly running: Float32Array }> {
    return this.#call('state', [])
  }

  /** What it is made of. */
  summary(): Promise<Summary> {
    return this.#call('summary', [])
  }

  /** Trains, by default as the paper did. With `output` or `resume` the run can be stopped at any time, by closing the tab,
   * too, and gone on with. */
  fit(train: Dataset, options: FitOptions = {}): Promise<TrainingResult> {
    return this.#call('fit', [train], options)
  }

  /** Loss and errors in percent, with running statistics, without augmentation. */
  evaluate(dataset: Dataset, options: EvaluateOptions = {}): Promise<Metrics> {
    return this.#call('evaluate', [dataset], options)
  }

  /** Probabilities of the classes for every image, averaged over its views. */
  predict(dataset: Dataset, options: PredictOptions = {}): Promise<Predictions> {
    return this.#call('predict', [dataset], options)
  }

  /** The likeliest classes of an image (of each, for a list), with their probabilities. Throws a sentence when one cannot be
   * read. */
  classify(image: ImageInput, options?: ClassifyOptions): Promise<Prediction[]>
  classify(images: readonly ImageInput[], options?: ClassifyOptions): Promise<Prediction[][]>
  classify(given: ImageInput | readonly ImageInput[], options: ClassifyOptions = {}) {
    return this.#call<never>('classify', [given], options)
  }

  /** Where the network sees each class in an image, the likeliest class first: Grad-CAM at the last feature maps. What it
   * takes is kept ready for the next image. */
  gradCam(image: ImageInput, options: WebComputeOptions = {}): Promise<GradCam> {
    return this.#call('gradCam', [image], options)
  }

  /** What a layer (default `pooled`, what the classifier reads) makes of images or of a data set, in evaluation. */
  features(
    given: Dataset | ImageInput | readonly ImageInput[],
    options: FeatureOptions = {},
  ): Promise<features.Features> {
    return this.#call('features', [given], options)
  }

  /** Ends its worker and threads; what is going on ends with an error. */
  dispose(): void {
    this.#remote.end('it was disposed of')
  }

  /** For `using`: the same as `dispose`. */
  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** Addresses are relative to the page, not to the worker's script. */
const absolute = (address: string | URL): string => new URL(address, web.location.href).href

function portable(source: Uint8Array | ArrayBuffer | Blob | URL | string): Blob | Uint8Array | string {
  if (typeof source === 'string' || source instanceof URL) return absolute(source)
  return source instanceof ArrayBuffer ? new Uint8Array(source) : source
}

function withAddresses(options: WebComputeOptions): Readonly<Record<string, unknown>> {
  const { wasm } = options
  if (!wasm) return { ...options }
  const addresses = Object.entries(wasm).filter(([, address]) => address !== undefined)
  return { ...options, wasm: Object.fromEntries(addresses.map(([build, address]) => [build, absolute(address)])) }
}
