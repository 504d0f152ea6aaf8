// What page and worker say to each other: plain data only. Functions stay where they are; the other side knows which of
// the options there are, and tells them what they are to hear.
import type { ErrorCode } from '../errors.js'
import type { Network } from '../networks/network.js'

/** How the worker comes to its network. */
export type Beginning =
  | { readonly create: readonly [model: unknown, options: object] }
  | { readonly load: readonly [source: Blob | Uint8Array | string, options: object] }
  | { readonly network: Network }

/** What a network is but its weights. */
export type Facts = Omit<Network, 'state'>

export interface Call {
  readonly id: number
  readonly name: string
  readonly args: readonly unknown[]
  readonly options: Readonly<Record<string, unknown>>
  /** Options that are functions. */
  readonly hearing: readonly string[]
  /** What the page has changed, or null at the beginning. */
  readonly facts: Partial<Facts> | null
}

export type ToWorker = Call | { readonly id: number; readonly abort: true }

/** An error as it travels. */
export interface Failure {
  readonly message: string
  readonly code?: ErrorCode
  readonly hint?: string | undefined
}

export type ToPage =
  | { readonly id: number; readonly tell: string; readonly said: readonly unknown[] }
  | { readonly id: number; readonly result: unknown; readonly facts: Facts | null }
  | { readonly id: number; readonly failure: Failure }
