// What differs from place to place: how files are read and threads are started. web.ts is a browser's, wasm-node/host.ts Node's.

/** What a thread answers: null when it has done what it was told, else what went wrong. */
export type Answer = string | null

export interface Port {
  post(message: unknown): void
  end(): void
}

export interface Host {
  readonly cores: number
  /** Why there can be one thread only, and what to do about it; null: there can be more. */
  readonly alone: string | null
  read(file: URL | string): Promise<Uint8Array>
  /** Starts a thread that does what it is told by thread.ts. `failed` hears why it could not be started. */
  start(heard: (answer: Answer) => void, failed: (why: string) => void): Port
}
