// What a page makes of an image file for a network: for the comparison with Node.
import { decodeImage } from '../../dist/browser/decode.js'
import { writeInput } from '../../dist/images/network-input.js'
import { preset } from '../../dist/model/presets.js'

export const NETWORK = {
  config: preset('densenet-40-12', { height: 48, width: 48 }),
  normalisation: { mean: [125.3, 123, 113.9], deviation: [63, 62.1, 66.7] },
  preprocessing: { resize: 56, crop: 48, interpolation: 'bicubic' },
} as const

export interface Seen {
  /** [3][height][width] as decoded. */
  readonly pixels: number[]
  /** As the network reads it. */
  readonly tensor: number[]
}

/** `base64`: of the file's bytes. */
export async function see(base64: string): Promise<Seen | string> {
  try {
    const image = await decodeImage(Uint8Array.from(atob(base64), character => character.charCodeAt(0)))
    const tensor = new Float32Array(3 * 48 * 48)
    writeInput(image, NETWORK, tensor)
    return { pixels: [...image.data], tensor: [...tensor] }
  } catch (error) {
    return (error as Error).message
  }
}
