// What of WebAssembly is used, typed: TypeScript knows it only together with the rest of a browser.

export interface Memory {
  /** Another object after the memory has grown. */
  readonly buffer: SharedArrayBuffer
}

/** Opaque; it can be sent to other threads. */
export type Module = { readonly __module: unique symbol }

/** What native/wasm.cc exports; addresses are signed 32-bit numbers. */
export interface Exports {
  readonly __stack_pointer: { value: number }
  vocabulary(): number
  allocate(bytes: number): number
  release(address: number): void
  /** Bytes. */
  used(): number
  refuses(code: number, count: number): number
  compile(code: number, count: number, workers: number, buffers: number, arena: number): number
  releaseProgram(program: number): void
  scratchBytes(code: number, count: number, workers: number): number
  begin(
    program: number,
    batch: number,
    learningRate: number,
    seed: number,
    step: number,
    keep: number,
    add: number,
    timed: boolean,
  ): number
  work(program: number, worker: number): void
  seconds(program: number): number
}

interface Place {
  readonly WebAssembly?: {
    readonly Memory: new (size: { initial: number; maximum: number; shared: true }) => Memory
    readonly Instance: new (module: Module, imports: object) => { readonly exports: Exports }
    compile(bytes: Uint8Array): Promise<Module>
    validate(bytes: Uint8Array): boolean
  }
  /** Of a page; missing where there are none. */
  readonly crossOriginIsolated?: boolean
  readonly navigator?: { readonly hardwareConcurrency?: number }
}

export const place = globalThis as unknown as Place

/** An instance on the memory; several of one memory are several threads of one program. */
export const instantiate = (module: Module, memory: Memory): Exports =>
  new place.WebAssembly!.Instance(module, { env: { memory, now: () => performance.now() / 1000 } }).exports
