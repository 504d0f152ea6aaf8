// One look at a network: what there is to look at, and for each the numbers, a picture and a table of them. The command
// line and the dashboard show the same.
import { parameterError } from '../errors.js'
import type { ImageInput } from '../inference/image-input.js'
import { refuseQuantized } from '../model/quantization.js'
import { activations } from './activations.js'
import type { GradCam } from './class-maps.js'
import { type FeatureReuse, featureReuse, type ReuseMeasure, type ReuseScale } from './feature-reuse.js'
import { firstFilters } from './filters.js'
import { gradCam } from './grad-cam.js'
import { type LayerHistory, readLayerHistory } from './layer-history.js'
import type { InspectedNetwork, InspectOptions } from './network.js'
import { drawGradCam } from './pictures/cam.js'
import { drawHistograms } from './pictures/histograms.js'
import { drawLayerHistory } from './pictures/layers.js'
import { drawFeatureReuse } from './pictures/reuse.js'
import { drawActivations, drawFilters } from './pictures/sheets.js'
import type { Drawing } from './pictures/svg.js'
import { readSeen } from './seen-image.js'
import { chosenTensors, isConvolution } from './tensor-names.js'
import { type WeightStatistics, weightStatistics } from './weights.js'

/** What is to be looked at, with the options of the function of the same purpose. */
export type InspectionRequest =
  | { readonly what: 'reuse'; readonly measure?: ReuseMeasure | undefined; readonly scale?: ReuseScale | undefined }
  | {
      readonly what: 'gradcam'
      readonly image: ImageInput
      readonly classes?: readonly (number | string)[] | undefined
      readonly top?: number | undefined
      readonly layer?: string | undefined
    }
  | { readonly what: 'filters' }
  | {
      readonly what: 'activations'
      readonly image: ImageInput
      readonly layer?: string | undefined
      /** How many feature maps are drawn; default 64. */
      readonly maps?: number | undefined
    }
  /** `tensors`: patterns of names; default: all. */
  | { readonly what: 'weights'; readonly tensors?: readonly string[] | undefined }

/** All that can be looked at. */
export const subjects = ['reuse', 'gradcam', 'filters', 'activations', 'weights', 'layers'] as const
/** What can be looked at. */
export type Subject = (typeof subjects)[number]

/** What was found inside a network: as numbers, as a picture, and often as a table. */
export interface Inspection {
  readonly what: Subject
  /** Plain numbers, as the function of the same purpose gives them. */
  readonly data: object
  /** The picture, as an SVG document, no wider than `room` where it can be arranged so. */
  svg(drawing?: Drawing): Promise<string>
  /** The numbers as lines of a table, the first one its head; null where there is no table of them. */
  readonly rows: readonly (readonly string[])[] | null
}

/** Looks into a network: the data, and how it is drawn. Throws a sentence for what cannot be asked. */
export async function inspection(
  network: InspectedNetwork,
  request: InspectionRequest,
  compute: InspectOptions = {},
): Promise<Inspection> {
  refuseQuantized(network.quantization, 'inspecting')
  switch (request.what) {
    case 'reuse': {
      const { measure, scale } = request
      const data = featureReuse(network, { measure, scale })
      return { what: 'reuse', data, svg: async drawing => drawFeatureReuse(data, drawing), rows: reuseRows(data) }
    }
    case 'gradcam': {
      const { image, classes, top, layer } = request
      const data = await gradCam(network, image, { ...compute, classes, top, layer })
      const svg = async () => drawGradCam(data, (await readSeen(network, image)).pixels)
      return { what: 'gradcam', data, svg, rows: camRows(data) }
    }
    case 'filters': {
      const data = firstFilters(network)
      return { what: 'filters', data, svg: drawing => drawFilters(data, drawing), rows: null }
    }
    case 'activations': {
      const { image, layer, maps: most } = request
      const data = await activations(network, image, { ...compute, layer })
      return { what: 'activations', data, svg: drawing => drawActivations(data, { most, ...drawing }), rows: null }
    }
    case 'weights': {
      const data = chosenTensors(weightStatistics(network), request.tensors ?? ['*'])
      return { what: 'weights', data, svg: async drawing => drawHistograms(data, drawing), rows: weightRows(data) }
    }
    default:
      throw parameterError('what', `one of ${subjects.join(', ')}`, (request as { what: unknown }).what)
  }
}

/** The statistics of layers in a run's log. `patterns` of names; default: convolutions and the classifier. */
export async function layersInspection(folder: string, patterns?: readonly string[]): Promise<Inspection> {
  const all = await readLayerHistory(folder)
  const tensors = patterns
    ? chosenTensors(all.tensors, patterns)
    : all.tensors.filter(({ name }) => isConvolution(name))
  const data: LayerHistory = { ...all, tensors }
  return { what: 'layers', data, svg: async drawing => drawLayerHistory(data, drawing), rows: historyRows(data) }
}

const digits = (value: number | null): string => (value === null ? '' : String(Number(value.toPrecision(6))))

function reuseRows({ blocks }: FeatureReuse): string[][] {
  const rows = blocks.flatMap(({ block, sources, targets, values }) =>
    values.flatMap((row, s) =>
      row.flatMap((value, t) => (s > t ? [] : [[String(block), sources[s]!.name, targets[t]!.name, digits(value)]])),
    ),
  )
  return [['block', 'source', 'target', 'value'], ...rows]
}

function camRows({ maps, width }: GradCam): string[][] {
  const rows = maps.flatMap(({ label, values }) =>
    values.map((value, i) => [label, String(Math.floor(i / width)), String(i % width), digits(value)]),
  )
  return [['class', 'row', 'column', 'value'], ...rows]
}

const STATISTICS = ['mean', 'standardDeviation', 'smallest', 'largest'] as const
const STATISTIC_TITLES = ['mean', 'standard_deviation', 'smallest', 'largest']

function weightRows(tensors: readonly WeightStatistics[]): string[][] {
  const rows = tensors.map(tensor => [
    tensor.name,
    tensor.shape.join(' x '),
    ...STATISTICS.map(name => digits(tensor[name])),
    String(tensor.nonFinite),
  ])
  return [['tensor', 'shape', ...STATISTIC_TITLES, 'not_finite'], ...rows]
}

function historyRows({ epochs, tensors }: LayerHistory): string[][] {
  const rows = epochs.flatMap((epoch, e) =>
    tensors.flatMap(({ name, weights, gradients }) =>
      [['weights', weights[e]!] as const, ['gradients', gradients[e]!] as const].map(([of, statistics]) => [
        String(epoch),
        name,
        of,
        ...STATISTICS.map(key => digits(statistics[key])),
        String(statistics.nonFinite),
      ]),
    ),
  )
  return [['epoch', 'tensor', 'of', ...STATISTIC_TITLES, 'not_finite'], ...rows]
}
