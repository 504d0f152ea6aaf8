// One image, on a thread of its own: large photographs would keep the server from answering anybody.
import { decodeImage } from '../data/loading/decode.js'
import { DenseNetError } from '../errors.js'
import { inputSize, type NetworkInput, writeInput } from '../images/network-input.js'

export interface DecodeJob {
  /** Of an image file. */
  readonly bytes: Uint8Array
  readonly network: NetworkInput
  readonly maxPixels: number
}

/** [channels][height][width] as the network reads it, or why the image cannot be read. */
export type Decoded =
  | { readonly input: Float32Array; readonly doubt?: string | undefined }
  | { readonly reason: string }

export default async function decode({ bytes, network, maxPixels }: DecodeJob): Promise<Decoded> {
  try {
    const input = new Float32Array(inputSize(network.config))
    const image = await decodeImage(bytes, maxPixels)
    writeInput(image, network, input)
    return { input, doubt: image.doubt }
  } catch (error) {
    if (error instanceof DenseNetError) return { reason: error.message }
    throw error
  }
}
