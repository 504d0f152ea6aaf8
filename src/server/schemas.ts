// What the server answers, as schemas: the answers are typed by them, and /openapi.json is made of them.
import * as z from 'zod'
import { jsonBody } from './body.js'

/** Schemas by the names they have in the document. */
const components = z.registry<{ id: string }>()
const named = <Shape extends z.ZodRawShape>(id: string, shape: Shape) => z.object(shape).register(components, { id })

const prediction = named('Prediction', {
  label: z.string().describe("the class's name"),
  index: z.int().describe("the class's number"),
  probability: z.number().describe('0 .. 1'),
})

const name = z.string().nullable().describe("the file's name, where the form says it")
const error = z.string().describe('why this image cannot be read')
const unreadable = named('UnreadableImage', { name, error })
const warning = z.string().optional().describe('why it may not look as was meant, where that is so')
const milliseconds = z.number().describe('from the last byte of the request to the answer')
const resultsOf = <Answer extends z.ZodRawShape>(answer: Answer) =>
  z.array(z.union([z.object({ name, ...answer, warning }), unreadable])).describe('one for each image, in their order')

const classification = named('Classification', {
  model: z.string(),
  milliseconds,
  results: resultsOf({ predictions: z.array(prediction) }),
})

const featureVectors = named('Features', {
  model: z.string(),
  layer: z.string(),
  milliseconds,
  results: resultsOf({ features: z.array(z.number()) }),
})

const segmentedImage = {
  height: z.int(),
  width: z.int(),
  classes: z
    .array(z.object({ label: z.string(), index: z.int(), share: z.number(), colour: z.array(z.int()) }))
    .describe('those that are in the image, by their share of its pixels; colours are those of the pictures'),
  mask: z.string().describe("a PNG file in base64: its pixels are the classes' numbers"),
  overlay: z.string().describe('a PNG file in base64: the image with the colours of its classes over it'),
}
const segmentation = named('Segmentation', { model: z.string(), milliseconds, results: resultsOf(segmentedImage) })

const modelFacts = named('Model', {
  name: z.string(),
  depth: z.int(),
  parameters: z.int(),
  multiplyAdds: z.int().describe('for one image'),
  input: z.object({ channels: z.int(), height: z.int(), width: z.int() }),
  features: z.int().describe('numbers of a feature vector'),
  multiLabel: z.boolean().describe('whether an image may belong to several classes'),
  pixels: z.boolean().describe('whether it says the classes of pixels: then /v1/segment answers, and else the others'),
  classCount: z.int(),
  classes: z.array(z.string()).describe('in the order of their numbers; empty where they have no names'),
  backend: z.string(),
  limits: z.object({ bodyBytes: z.int(), pixels: z.int(), images: z.int() }),
})

named('Health', { live: z.boolean(), ready: z.boolean() })
const failure = named('Failure', { error: z.string().describe('one sentence') })

export type Classification = z.infer<typeof classification>
const oneSegmented = z.object(segmentedImage)
export type SegmentedImage = z.infer<typeof oneSegmented>
export type SegmentedImages = z.infer<typeof segmentation>
export type FeatureVectors = z.infer<typeof featureVectors>
export type ModelFacts = z.infer<typeof modelFacts>
export type Failure = z.infer<typeof failure>

/** JSON Schema without what only repeats a default: its own version and place, bounds of exact whole numbers. */
const OPTIONS: z.core.RegistryToJSONSchemaParams & z.core.ToJSONSchemaParams = {
  io: 'input',
  metadata: z.globalRegistry,
  uri: id => `#/components/schemas/${id}`,
  override: ({ jsonSchema }) => {
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
  },
}
const bare = ({ $schema, $id, ...schema }: z.core.JSONSchema.BaseSchema) => schema
const inline = (schema: z.ZodType) => bare(z.toJSONSchema(schema, OPTIONS))

const json = (name: string) => ({ 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } })
const BINARY = { type: 'string', format: 'binary' }
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
  const { schemas } = z.toJSONSchema(components, OPTIONS)
  const failures = Object.fromEntries(
    Object.entries(FAILURES).map(([status, description]) => [status, { description, content: json('Failure') }]),
  )
  const requestBody = {
    required: true,
    content: {
      'image/*': { schema: BINARY },
      'multipart/form-data': { schema: { type: 'object', additionalProperties: BINARY } },
      'application/json': { schema: inline(jsonBody) },
    },
  }
  const post = (summary: string, answer: string, asked = {}) => {
    const content = json(answer)
    const responses = { 200: { description: 'an answer for each image', content }, ...failures }
    return { post: { summary, ...asked, requestBody, responses } }
  }
  const get = (summary: string, content: object, others = {}) => ({
    get: { summary, responses: { 200: { description: summary, content }, ...others } },
  })
  const { description } = topQuery
  const top = { name: 'top', in: 'query', required: false, description, schema: inline(topQuery) }
  const notReady = { 503: { description: 'the server is about to stop', content: json('Health') } }
  return {
    openapi: '3.1.0',
    info: { title: 'densenet', version, description: 'Classifies images, or their pixels, with a DenseNet.' },
    components: { schemas: Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, bare(schema)])) },
    paths: {
      '/v1/classify': post('the likeliest classes of images', 'Classification', { parameters: [top] }),
      '/v1/features': post("images' features: what the classifier reads", 'Features'),
      '/v1/segment': post('what each pixel of images is of', 'Segmentation'),
      '/v1/model': get('what the network is', json('Model')),
      '/health': get('whether requests are taken', json('Health'), notReady),
      '/metrics': get('counters and histograms for Prometheus', { 'text/plain': { schema: { type: 'string' } } }),
    },
  }
}

export const topQuery = z.coerce.number().int().min(1).max(65_536).default(5).describe('how many classes; default 5')
