// What a served network is asked, and what it answers.
import type { Question as BatchQuestion } from './batcher.js'
import type { SegmentedImage } from './schemas.js'

export type Question = BatchQuestion | 'segment'

/** The network's numbers for an image, or what its pixels are of, with why they may be wrong if that is so; or why the image cannot
 * be read. */
export type NetworkAnswer =
  | { readonly values: Float32Array; readonly doubt?: string | undefined }
  | { readonly segmented: SegmentedImage; readonly doubt?: string | undefined }
  | { readonly reason: string }

export interface ServedNetwork {
  /** "native: AVX-512, 2 threads" */
  readonly backend: string
  /** In label order. */
  readonly classes: readonly string[]
  /** Images that wait for the network. */
  readonly waiting: number
  /** Logits of an image file, its pooled features, or what its pixels are of. Rejects with the signal's reason when that aborts. */
  answer(question: Question, bytes: Uint8Array, signal: AbortSignal): Promise<NetworkAnswer>
  close(): Promise<void>
}
