// The routes. Every error is JSON { "error": one sentence }; what is not the client's doing is 500 and is told the log.
import { setMaxListeners } from 'node:events'
import { Hono } from 'hono'
import type { DenseNet } from '../densenet.js'
import { topClasses } from '../inference/classify.js'
import type { NetworkAnswer, Question, ServedNetwork } from './answers.js'
import { sentImages } from './body.js'
import { clientGone, overloaded, RequestError } from './errors.js'
import type { Metrics } from './metrics.js'
import type { Limits } from './options.js'
import { PAGE, PAGE_HEADERS } from './page.js'
import { checkOrigin } from './same-origin.js'
import {
  type Classification,
  type FeatureVectors,
  type ModelFacts,
  openApi,
  type SegmentedImage,
  type SegmentedImages,
  topQuery,
} from './schemas.js'

export interface AppOptions {
  readonly model: DenseNet
  readonly network: ServedNetwork
  readonly limits: Limits
  readonly metrics: Metrics
  readonly version: string
  /** True from when the server is asked to stop. */
  readonly stopping: () => boolean
  readonly onError: (message: string) => void
}

/** What the HTTP server adds to a request; absent in tests without one. */
interface Bindings {
  readonly outgoing?: { readonly writableFinished: boolean; once(event: 'close', listener: () => void): unknown }
}

const LAYER = 'pooled'

export type App = Hono<{ Bindings: Bindings }>

export function createApp(options: AppOptions): App {
  const { model, network, limits, metrics, stopping } = options
  const app = new Hono<{ Bindings: Bindings }>()
  let inFlight = 0
  let images = 0
  const facts = modelFacts(options)

  app.use(async (c, next) => {
    const start = performance.now()
    await next()
    c.header('X-Content-Type-Options', 'nosniff')
    if (stopping()) c.header('Connection', 'close')
    const route = ROUTES.includes(c.req.path) ? c.req.path : 'other'
    metrics.request(route, c.res.status, (performance.now() - start) / 1000)
  })
  app.use(async (c, next) => {
    checkOrigin(c.req.raw.headers, limits.host)
    await next()
  })

  /** Reads the images of a request and has each answered. */
  const answerAll = async <T extends object>(
    { request, outgoing }: { request: Request; outgoing: Bindings['outgoing'] },
    question: Question,
    toResult: (answer: Answered) => T,
  ) => {
    if ((question === 'segment') !== facts.pixels) {
      const instead = facts.pixels
        ? 'the classes of pixels: ask /v1/segment'
        : 'the class of an image: ask /v1/classify'
      throw new RequestError(400, `this network says ${instead}`)
    }
    if (stopping()) throw overloaded('the server is about to stop')
    if (inFlight >= limits.queue) throw overloaded(`${inFlight} requests are worked on already`)
    inFlight++
    let counted = 0
    const controller = new AbortController()
    // Each of its images listens.
    setMaxListeners(0, controller.signal)
    outgoing?.once('close', () => {
      if (!outgoing.writableFinished) controller.abort(clientGone())
    })
    const tooLong = new RequestError(504, `the answer took longer than ${limits.timeoutSeconds} seconds`)
    let timer: NodeJS.Timeout | undefined
    try {
      const sent = await sentImages(request, limits)
      const start = performance.now()
      controller.signal.throwIfAborted()
      timer = setTimeout(() => controller.abort(tooLong), 1000 * limits.timeoutSeconds)
      if (images > 0 && images + sent.length > limits.queue) throw overloaded(`${images} images wait already`)
      counted = sent.length
      images += counted
      const answers = await Promise.all(
        sent.map(async ({ name, bytes }) => [name, await network.answer(question, bytes, controller.signal)] as const),
      )
      const results = answers.map(([name, answer]) => resultOf(name, answer))
      const milliseconds = Math.round(10 * (performance.now() - start)) / 10
      return { model: model.name, milliseconds, results }
    } finally {
      clearTimeout(timer)
      // Whatever of it still waits is not wanted any more.
      controller.abort(clientGone())
      images -= counted
      inFlight--
    }

    function resultOf(name: string | null, answer: NetworkAnswer) {
      if (!('reason' in answer)) {
        const { doubt } = answer
        return { name, ...toResult(answer), ...(doubt === undefined ? {} : { warning: doubt }) }
      }
      metrics.unreadableImage()
      return { name, error: answer.reason }
    }
  }

  app.post('/v1/classify', async c => {
    const top = topQuery.safeParse(c.req.query('top'))
    if (!top.success) throw new RequestError(400, 'top is a whole number of at least 1')
    const { multiLabel } = model
    const { classes } = network
    const about = { top: top.data, classes, multiLabel }
    const sent = { request: c.req.raw, outgoing: c.env?.outgoing }
    const answer = await answerAll(sent, 'classify', answer => ({ predictions: topClasses(valuesOf(answer), about) }))
    return c.json(answer satisfies Classification, statusOf(answer))
  })

  app.post('/v1/features', async c => {
    const sent = { request: c.req.raw, outgoing: c.env?.outgoing }
    const answer = await answerAll(sent, 'features', answer => ({ features: Array.from(valuesOf(answer)) }))
    return c.json({ ...answer, layer: LAYER } satisfies FeatureVectors, statusOf(answer))
  })

  app.post('/v1/segment', async c => {
    const sent = { request: c.req.raw, outgoing: c.env?.outgoing }
    const answer = await answerAll(sent, 'segment', segmentedOf)
    return c.json(answer satisfies SegmentedImages, statusOf(answer))
  })

  const description = openApi(options.version)
  app.get('/v1/model', c => c.json(facts))
  app.get('/openapi.json', c => c.json(description))
  app.get('/health', c => {
    const ready = !stopping()
    return c.json({ live: true, ready }, ready ? 200 : 503)
  })
  app.get('/metrics', c => {
    const text = metrics.text({ requestsInFlight: inFlight, queuedImages: network.waiting })
    return c.text(text, 200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' })
  })
  app.get('/', c => c.html(PAGE, 200, PAGE_HEADERS))

  app.notFound(c => {
    if (!ROUTES.includes(c.req.path)) {
      return c.json({ error: `there is nothing at ${c.req.path}; /openapi.json lists what there is` }, 404)
    }
    const allowed = POSTED.includes(c.req.path) ? 'POST' : 'GET, HEAD'
    return c.json({ error: `${c.req.path} takes ${allowed}, not ${c.req.method}` }, 405, { Allow: allowed })
  })
  app.onError((error, c) => {
    if (error instanceof RequestError) return c.json({ error: error.message }, error.status as 400, error.headers)
    options.onError(`${c.req.method} ${c.req.path} failed: ${error.message}`)
    return c.json({ error: 'the server failed; its log says more' }, 500)
  })
  return app
}

const POSTED: readonly string[] = ['/v1/classify', '/v1/features', '/v1/segment']
const ROUTES: readonly string[] = [...POSTED, '/v1/model', '/openapi.json', '/health', '/metrics', '/']

type Answered = Exclude<NetworkAnswer, { readonly reason: string }>
const valuesOf = (answer: Answered): Float32Array => (answer as Extract<Answered, { readonly values: unknown }>).values
const segmentedOf = (answer: Answered): SegmentedImage =>
  (answer as Extract<Answered, { readonly segmented: unknown }>).segmented

/** 400 where no image of a request can be read. */
const statusOf = ({ results }: { readonly results: readonly object[] }): 200 | 400 =>
  results.every(result => 'error' in result) ? 400 : 200

function modelFacts({ model, network, limits }: AppOptions): ModelFacts {
  const { depth, parameters, multiplyAdds, rows } = model.summary({ batchSize: 1 })
  const { inputChannels: channels, height, width, classes } = model.config
  return {
    name: model.name,
    depth,
    parameters,
    multiplyAdds,
    input: { channels, height, width },
    features: rows.at(-1)!.inChannels,
    multiLabel: model.multiLabel,
    pixels: model.config.family === 'fc-densenet',
    classCount: classes,
    classes: [...network.classes],
    backend: network.backend,
    limits: { bodyBytes: limits.maxBodyBytes, pixels: limits.maxPixels, images: limits.maxImages },
  }
}
