// From a request's body to the bytes of images: a raw image, a form with several, or JSON with base64. Every limit is
// met before anything is decoded.
import * as z from 'zod'
import { clientGone, RequestError } from './errors.js'
import type { Limits } from './options.js'

export interface SentImage {
  /** Of its file, where the form says it. */
  readonly name: string | null
  readonly bytes: Uint8Array
}

const CONTENT = 'send an image as it is (Content-Type: image/jpeg), multipart/form-data, or JSON { "image": base64 }'

/** Reads the whole body. */
export async function sentImages(request: Request, limits: Limits): Promise<SentImage[]> {
  const type = (request.headers.get('content-type') ?? '').trim()
  const kind = type.split(';')[0]!.trim().toLowerCase()
  const encoding = request.headers.get('content-encoding')?.toLowerCase() ?? 'identity'
  const isImage = kind.startsWith('image/') || kind === 'application/octet-stream'
  const isForm = kind === 'multipart/form-data'
  if (!isImage && !isForm && kind !== 'application/json') {
    throw new RequestError(415, `${kind === '' ? 'a body without Content-Type' : kind} is no image; ${CONTENT}`)
  }
  if (encoding !== 'identity') {
    throw new RequestError(415, `the body is encoded with ${encoding}; send it as it is`)
  }
  const bytes = await readBody(request, limits.maxBodyBytes)
  if (bytes.length === 0) throw new RequestError(400, `the body is empty; ${CONTENT}`)
  const images = isImage ? [{ name: null, bytes }] : isForm ? await fromForm(bytes, type) : fromJson(bytes)
  if (images.length === 0) throw new RequestError(400, 'the form has no files; send each image as a file')
  if (images.length > limits.maxImages) {
    throw new RequestError(413, `${images.length} images are more than the ${limits.maxImages} that a request may have`)
  }
  return images
}

async function readBody(request: Request, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = new RequestError(413, `the body is larger than ${most} bytes`, { Connection: 'close' })
  if (Number(request.headers.get('content-length') ?? 0) > most) throw tooLarge
  const parts: Uint8Array[] = []
  let length = 0
  try {
    for await (const part of request.body ?? []) {
      length += part.length
      if (length > most) throw tooLarge
      parts.push(part)
    }
  } catch (error) {
    throw error === tooLarge ? error : clientGone()
  }
  const bytes = new Uint8Array(length)
  let end = 0
  for (const part of parts) {
    bytes.set(part, end)
    end += part.length
  }
  return bytes
}

async function fromForm(bytes: Uint8Array<ArrayBuffer>, type: string): Promise<SentImage[]> {
  let form: FormData
  try {
    form = await new Response(bytes, { headers: { 'content-type': type } }).formData()
  } catch {
    throw new RequestError(400, 'the body is no whole multipart/form-data')
  }
  const files = [...form.values()].filter(value => typeof value !== 'string')
  return Promise.all(files.map(async file => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })))
}

export const jsonBody = z.union([
  z.strictObject({ image: z.string().describe('an image file in base64, or a data: URL of one') }),
  z.strictObject({ images: z.array(z.string()).min(1).describe('several of them') }),
])

function fromJson(bytes: Uint8Array): SentImage[] {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new RequestError(400, 'the body is no JSON')
  }
  const body = jsonBody.safeParse(json)
  if (!body.success) throw new RequestError(400, 'the JSON is not { "image": base64 } or { "images": [base64, ...] }')
  const images = 'image' in body.data ? [body.data.image] : body.data.images
  return images.map((text, i) => {
    const coded = text.replace(/^data:[\w/+.-]*;base64,/, '')
    if (coded === '' || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(coded)) {
      throw new RequestError(400, `${images.length > 1 ? `image ${i + 1}` : 'the image'} is not base64`)
    }
    return { name: null, bytes: new Uint8Array(Buffer.from(coded, 'base64')) }
  })
}
