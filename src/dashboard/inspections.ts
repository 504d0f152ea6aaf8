// Looks inside a run's network for the pages: feature reuse, filters, histograms and layers over epochs as pictures that
// take on the page's colours; Grad-CAM and activations of an image that the page sends.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { createBackend } from '../backends/registry.js'
import { DenseNet } from '../densenet.js'
import type { Backend } from '../engine/backend.js'
import { usageError } from '../errors.js'
import { BEST_FILE, LAST_FILE } from '../fitting/run-files.js'
import { colourOf, colourText } from '../images/mask-colours.js'
import { classNames, labelOf } from '../inference/classify.js'
import { readImage } from '../inference/read-image.js'
import { createSegmenter, sharesOf } from '../inference/segment.js'
import { overlayPicture } from '../inference/segment-pictures.js'
import type { FeatureReuse } from '../inspect/feature-reuse.js'
import { gradCam, gradCamLayers } from '../inspect/grad-cam.js'
import { inspection, layersInspection } from '../inspect/inspection.js'
import { overlaid } from '../inspect/pictures/cam.js'
import { enlarged, enlargement, pngAddress } from '../inspect/pictures/raster.js'
import { readSeen } from '../inspect/seen-image.js'
import { isConvolution } from '../inspect/tensor-names.js'
import { architecture } from '../model/architecture.js'
import { featureLayers } from '../model/feature-layers.js'
import { parameterTable } from '../model/parameters.js'
import { readSettings } from '../runs/run-settings.js'
import type { CamPictures, CheckpointName, Failure, InspectionPicture, InspectionPlaces, Segments } from './api.js'
import { inspectQuery, parseQuery } from './queries.js'

const FILES = { last: LAST_FILE, best: BEST_FILE } as const satisfies Record<CheckpointName, string>
const MOST_IMAGE_BYTES = 64 * 2 ** 20
/** About how many pixels an image is drawn in. */
const TILE = 448

/** `folderOf`: of a run's id. */
export function inspectRoutes(folderOf: (run: string) => string): { routes: Hono; close: () => void } {
  const networks = new Networks()
  const routes = new Hono()
  const opened = async (query: Record<string, string>) => {
    const { run, ...wanted } = parseQuery(inspectQuery, query)
    const { network, backend } = await networks.open(folderOf(run), wanted.checkpoint)
    return { network, on: backend, ...wanted }
  }
  routes.use(
    bodyLimit({
      maxSize: MOST_IMAGE_BYTES,
      onError: context => {
        const failure: Failure = { error: `the image has more than ${MOST_IMAGE_BYTES / 2 ** 20} MB` }
        return context.json(failure, 413)
      },
    }),
  )
  routes.get('/places', async context => {
    const { network } = await opened(context.req.query())
    const { config, classes } = network
    const described = architecture(config)
    const names = classNames(classes, config)
    const pixels = config.family === 'fc-densenet'
    return context.json({
      pixels,
      classes: Array.from({ length: config.classes }, (_, i) => labelOf(i, names)),
      camLayers: pixels ? [] : gradCamLayers(network).map(({ name }) => name),
      layers: featureLayers(described).map(({ name }) => name),
      tensors: parameterTable(described).parameters.map(({ name }) => name),
    } satisfies InspectionPlaces)
  })
  routes.get('/reuse', async context => {
    const { network, measure, scale, room } = await opened(context.req.query())
    const { svg, data } = await inspection(network, { what: 'reuse', measure, scale })
    return context.json({ svg: await svg({ room }), reuse: data as FeatureReuse } satisfies InspectionPicture)
  })
  routes.get('/filters', async context => {
    const { network, room } = await opened(context.req.query())
    const { svg } = await inspection(network, { what: 'filters' })
    return context.json({ svg: await svg({ room }) } satisfies InspectionPicture)
  })
  routes.get('/weights', async context => {
    const { network, tensors, room } = await opened(context.req.query())
    const usual = parameterTable(architecture(network.config)).parameters.filter(({ name }) => isConvolution(name))
    const names = tensors ?? usual.map(({ name }) => name)
    const { svg, rows } = await inspection(network, { what: 'weights', tensors: names })
    return context.json({ svg: await svg({ room }), rows } satisfies InspectionPicture)
  })
  routes.get('/layers', async context => {
    const { run, tensors, room } = parseQuery(inspectQuery, context.req.query())
    const { svg, rows } = await layersInspection(folderOf(run), tensors)
    return context.json({ svg: await svg({ room }), rows } satisfies InspectionPicture)
  })
  routes.post('/gradcam', async context => {
    const { network, on, layer, class: index } = await opened(context.req.query())
    const image = await sentImage(context.req)
    const classes = index === undefined ? undefined : [index]
    const cam = await gradCam(network, image, { on, layer, classes })
    const { pixels } = await readSeen(network, image)
    const seen = enlarged(pixels, enlargement(pixels, TILE))
    const maps = cam.maps.map(async ({ values, ...prediction }) => ({
      ...prediction,
      picture: await pngAddress(overlaid(seen, values, cam)),
    }))
    const { height, width } = cam
    return context.json({
      layer: cam.layer,
      height,
      width,
      image: await pngAddress(seen),
      maps: await Promise.all(maps),
    } satisfies CamPictures)
  })
  routes.post('/segments', async context => {
    const { network, on } = await opened(context.req.query())
    return context.json(await segments(network, on, await sentImage(context.req)))
  })
  routes.post('/activations', async context => {
    const { network, on, layer, room } = await opened(context.req.query())
    const image = await sentImage(context.req)
    const { svg } = await inspection(network, { what: 'activations', image, layer }, { on })
    return context.json({ svg: await svg({ room }) } satisfies InspectionPicture)
  })
  return { routes, close: () => networks.close() }
}

/** Of the image as it is, of any size. */
async function segments(network: DenseNet, backend: Backend, bytes: Uint8Array): Promise<Segments> {
  const { config, normalisation, preprocessing, ownStatistics, state } = network
  const segmenter = createSegmenter({ config, normalisation, preprocessing, ownStatistics, state, backend })
  try {
    const image = await readImage(bytes)
    const result = await segmenter.segment(image)
    const names = classNames(network.classes, config)
    const found = sharesOf(result, config.classes)
      .map((share, i) => ({ label: labelOf(i, names), share, colour: colourText(colourOf(i)) }))
      .filter(({ share }) => share > 0)
      .sort((a, b) => b.share - a.share)
    const overlay = Buffer.from(await overlayPicture(image, result)).toString('base64')
    const { height, width } = result
    return { height, width, overlay: `data:image/png;base64,${overlay}`, classes: found }
  } finally {
    await segmenter.dispose()
  }
}

async function sentImage(request: { arrayBuffer(): Promise<ArrayBuffer> }): Promise<Uint8Array> {
  const bytes = new Uint8Array(await request.arrayBuffer())
  if (bytes.length === 0) throw usageError('no image was sent')
  return bytes
}

interface Opened {
  readonly path: string
  readonly modified: number
  readonly network: Promise<DenseNet>
}

/** The network that was looked at last stays open until its checkpoint is a newer one. */
class Networks {
  #opened: Opened | null = null
  readonly #backends = new Map<string, Promise<Backend>>()

  async open(folder: string, checkpoint: CheckpointName): Promise<{ network: DenseNet; backend: Backend }> {
    const path = join(folder, FILES[checkpoint])
    const found = await stat(path).catch(() => null)
    if (found === null) throw usageError(`there is no checkpoint ${path} yet`)
    if (this.#opened?.path !== path || this.#opened.modified !== found.mtimeMs) {
      const network = DenseNet.load(path)
      network.catch(() => {
        this.#opened = null
      })
      this.#opened = { path, modified: found.mtimeMs, network }
    }
    const { backend } = await readSettings(folder)
    return { network: await this.#opened.network, backend: await this.#backendOf(backend) }
  }

  #backendOf(name: string): Promise<Backend> {
    const known = this.#backends.get(name)
    if (known) return known
    const made = createBackend({ backend: name === 'reference' ? 'reference' : 'auto' })
    this.#backends.set(name, made)
    return made
  }

  close(): void {
    for (const made of this.#backends.values()) {
      made.then(
        backend => backend.dispose(),
        () => {},
      )
    }
    this.#backends.clear()
  }
}
