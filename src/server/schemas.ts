// What the server answers, as schemas: the answers are typed by them, and /openapi.json is made of them.
import { OpenAPIHono, z } from '@hono/zod-openapi'
import { jsonBody } from './body.js'

const prediction = z
  .object({
    label: z.string().describe("the class's name"),
    index: z.int().describe("the class's number"),
    probability: z.number().describe('0 .. 1'),
  })
  .openapi('Prediction')

const name = z.string().nullable().describe("the file's name, where the form says it")
const unreadable = z
  .object({ name, error: z.string().describe('why this image cannot be read') })
  .openapi('UnreadableImage')
const warning = z.string().optional().describe('why it may not look as was meant, where that is so')
const milliseconds = z.number().describe('from the last byte of the request to the answer')

export const classification = z
  .object({
    model: z.string(),
    milliseconds,
    results: z
      .array(z.union([z.object({ name, predictions: z.array(prediction), warning }), unreadable]))
      .describe('one for each image, in their order'),
  })
  .openapi('Classification')

export const featureVectors = z
  .object({
    model: z.string(),
    layer: z.string(),
    milliseconds,
    results: z
      .array(z.union([z.object({ name, features: z.array(z.number()), warning }), unreadable]))
      .describe('one for each image, in their order'),
  })
  .openapi('Features')

export const modelFacts = z
  .object({
    name: z.string(),
    depth: z.int(),
    parameters: z.int(),
    multiplyAdds: z.int().describe('for one image'),
    input: z.object({ channels: z.int(), height: z.int(), width: z.int() }),
    features: z.int().describe('numbers of a feature vector'),
    multiLabel: z.boolean().describe('whether an image may belong to several classes'),
    classCount: z.int(),
    classes: z.array(z.string()).describe('in the order of their numbers; empty where they have no names'),
    backend: z.string(),
    limits: z.object({ bodyBytes: z.int(), pixels: z.int(), images: z.int() }),
  })
  .openapi('Model')

export const health = z.object({ live: z.boolean(), ready: z.boolean() }).openapi('Health')

export const failure = z.object({ error: z.string().describe('one sentence') }).openapi('Failure')

export type Classification = z.infer<typeof classification>
export type FeatureVectors = z.infer<typeof featureVectors>
export type ModelFacts = z.infer<typeof modelFacts>

const json = (schema: z.ZodType) => ({ 'application/json': { schema } })
const binary = { schema: { type: 'string', format: 'binary' } } as const
const FAILURES = {
  400: 'the body holds no image that can be read',
  408: 'the request did not come in time',
  413: 'the body is too large, or has too many images',
  415: 'the body is no image, form or JSON',
  503: 'too much is asked for at once, or the server is about to stop: try again after Retry-After seconds',
  504: 'the answer took too long',
}

/** The description of the API, OpenAPI 3.1. */
export function openApi(version: string): object {
  const api = new OpenAPIHono()
  const failures = Object.fromEntries(
    Object.entries(FAILURES).map(([status, description]) => [status, { description, content: json(failure) }]),
  )
  const body = {
    required: true,
    content: {
      'image/*': binary,
      'multipart/form-data': { schema: { type: 'object', additionalProperties: binary.schema } },
      ...json(jsonBody),
    },
  } as const
  const post = (path: string, summary: string, schema: z.ZodType, query?: z.ZodObject) =>
    api.openAPIRegistry.registerPath({
      ...{ method: 'post', path, summary },
      request: { body, ...(query ? { query } : {}) },
      responses: { 200: { description: 'an answer for each image', content: json(schema) }, ...failures },
    })
  const get = (path: string, summary: string, content: Record<string, object>, others = {}) =>
    api.openAPIRegistry.registerPath({
      ...{ method: 'get', path, summary },
      responses: { 200: { description: summary, content }, ...others },
    })
  post('/v1/classify', 'the likeliest classes of images', classification, z.object({ top: topQuery }))
  post('/v1/features', "images' features: what the classifier reads", featureVectors)
  get('/v1/model', 'what the network is', json(modelFacts))
  const notReady = { 503: { description: 'the server is about to stop', content: json(health) } }
  get('/health', 'whether requests are taken', json(health), notReady)
  get('/metrics', 'counters and histograms for Prometheus', { 'text/plain': { schema: { type: 'string' } } })
  return api.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'densenet', version, description: 'Classifies images with a DenseNet.' },
  })
}

export const topQuery = z.coerce.number().int().min(1).max(65_536).default(5).describe('how many classes; default 5')
