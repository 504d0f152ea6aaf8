// The page's side of the worker: calls as promises, what it tells as calls of functions, an AbortSignal as a message.
import { DenseNetError, usageError } from '../errors.js'
import type { Facts, ToPage, ToWorker } from './messages.js'
import type { WebWorker } from './platform.js'

declare const Worker: new (url: URL, options: { type: 'module' }) => WebWorker

interface Waiting {
  readonly hear: Readonly<Record<string, (...said: never) => void>>
  readonly resolve: (result: never) => void
  readonly reject: (error: unknown) => void
}

export class Remote {
  readonly #worker: WebWorker
  readonly #waiting = new Map<number, Waiting>()
  #calls = 0
  #ended: string | null = null

  /** `learn` hears what the network is, after each call. */
  constructor(private readonly learn: (facts: Facts) => void) {
    // Bundlers know a worker by these words.
    this.#worker = new Worker(new URL('./network-worker.js', import.meta.url), { type: 'module' })
    this.#worker.onmessage = ({ data }: { readonly data: ToPage }) => this.#hear(data)
    this.#worker.onerror = ({ message }) => this.end(`its worker failed: ${message ?? 'its script cannot be loaded'}`)
  }

  async call<T>(
    name: string,
    args: readonly unknown[],
    { signal, ...given }: Readonly<Record<string, unknown>> & { readonly signal?: AbortSignal | undefined },
    facts: Partial<Facts> | null,
  ): Promise<T> {
    if (this.#ended !== null) throw new DenseNetError(`this network cannot be used any more: ${this.#ended}`)
    const id = this.#calls++
    const isFunction = ([, value]: [string, unknown]): boolean => typeof value === 'function'
    const functions = Object.entries(given).filter(isFunction)
    const data = Object.entries(given).filter(option => !isFunction(option))
    const deaf = functions.find(([key]) => !/^on[A-Z]/.test(key))
    if (deaf) throw usageError(`${deaf[0]} cannot be a function here: the training is in a worker`, 'give its name')
    const hear = Object.fromEntries(functions) as Waiting['hear']
    const options = Object.fromEntries(data)
    const abort = (): void => this.#post({ id, abort: true })
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#waiting.set(id, { hear, resolve, reject })
        this.#post({ id, name, args, options, hearing: Object.keys(hear), facts })
        if (signal?.aborted) abort()
        signal?.addEventListener('abort', abort, { once: true })
      })
    } finally {
      this.#waiting.delete(id)
      signal?.removeEventListener('abort', abort)
    }
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  #hear(message: ToPage): void {
    if ('result' in message && message.facts) this.learn(message.facts)
    const waiting = this.#waiting.get(message.id)
    if (!waiting) return
    if ('failure' in message) {
      const { failure } = message
      const { code, hint } = failure
      waiting.reject(
        code ? new DenseNetError(failure.message, { code, ...(hint ? { hint } : {}) }) : new Error(failure.message),
      )
    } else if ('tell' in message) {
      try {
        waiting.hear[message.tell]!(...(message.said as never))
      } catch (error) {
        // As in Node: what a listener throws ends the training.
        this.#post({ id: message.id, abort: true })
        waiting.reject(error)
      }
    } else waiting.resolve(message.result as never)
  }

  /** Ends the worker and its threads; who waits for it hears why. */
  end(why: string): void {
    this.#ended ??= why
    this.#worker.terminate()
    for (const { reject } of this.#waiting.values()) {
      reject(new DenseNetError(`this network cannot be used any more: ${why}`, { code: 'aborted' }))
    }
    this.#waiting.clear()
  }
}
