// What a network computes with: a backend and a runner, made when they are first needed and kept for the next call.
import type { BackendOptions, ComputeOptions } from '../backends/registry.js'
import type { Backend } from '../engine/backend.js'
import { createRunner, type Runner, type RunnerOptions } from './runner.js'

type Answering = Omit<RunnerOptions, 'backend'>

export class Ready<Options extends BackendOptions = BackendOptions> {
  #made: { readonly key: string; readonly backend: Backend } | null = null
  #answering: { readonly of: RunnerOptions; readonly runner: Promise<Runner> } | null = null

  /** `names`: of the options that decide which backend it is. */
  constructor(
    private readonly create: (options: Options) => Promise<Backend>,
    private readonly names: readonly (keyof Options)[] = ['backend', 'threads', 'adapter', 'precision'],
  ) {}

  /** Another one than before only where it is asked for differently. */
  async backend(options: Options & Pick<ComputeOptions, 'on'>): Promise<Backend> {
    if (options.on) return options.on
    const asked = this.names.map(name => options[name])
    if (this.#made && asked.every(value => value === undefined)) return this.#made.backend
    const key = JSON.stringify(asked)
    if (this.#made?.key !== key) {
      this.dispose()
      this.#made = { key, backend: await this.create(options) }
    }
    return this.#made.backend
  }

  /** Another one than before only on another backend or with other weights. */
  runner(backend: Backend, network: Answering): Promise<Runner> {
    const { of } = this.#answering ?? {}
    if (of?.backend !== backend || of.state !== network.state) {
      this.#release()
      const asked = { ...network, backend }
      this.#answering = { of: asked, runner: createRunner(asked) }
    }
    return this.#answering!.runner
  }

  /** Resolves when the runner, if there is one, has answered and is gone; null: there is none. */
  #release(): Promise<void> | null {
    const { runner } = this.#answering ?? {}
    this.#answering = null
    return (
      runner?.then(
        made => made.dispose(),
        () => {},
      ) ?? null
    )
  }

  dispose(): void {
    const { backend } = this.#made ?? {}
    this.#made = null
    const released = this.#release()
    if (released) void released.finally(() => backend?.dispose())
    else backend?.dispose()
  }
}
