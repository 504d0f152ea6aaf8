// What of WebGPU is used, typed: TypeScript knows it only together with the rest of a browser.

export interface GpuBuffer {
  readonly size: number
  mapAsync(mode: number): Promise<void>
  getMappedRange(offset?: number, size?: number): ArrayBuffer
  unmap(): void
  destroy(): void
}

/** Opaque objects. */
export type BindGroupLayout = { readonly __layout: unique symbol }
export type PipelineLayout = { readonly __pipelineLayout: unique symbol }
export type BindGroup = { readonly __bindGroup: unique symbol }
export type Pipeline = { readonly __pipeline: unique symbol }
export type CommandBuffer = { readonly __commands: unique symbol }

export interface QuerySet {
  destroy(): void
}

export interface ComputePass {
  setPipeline(pipeline: Pipeline): void
  setBindGroup(index: number, group: BindGroup): void
  dispatchWorkgroups(x: number, y: number, z: number): void
  end(): void
}

export interface CommandEncoder {
  beginComputePass(options?: {
    timestampWrites: { querySet: QuerySet; beginningOfPassWriteIndex: number; endOfPassWriteIndex: number }
  }): ComputePass
  copyBufferToBuffer(from: GpuBuffer, offset: number, to: GpuBuffer, toOffset: number, bytes: number): void
  resolveQuerySet(queries: QuerySet, first: number, count: number, to: GpuBuffer, offset: number): void
  finish(): CommandBuffer
}

export interface ShaderModule {
  getCompilationInfo(): Promise<{ readonly messages: readonly { readonly type: string; readonly message: string }[] }>
}

/** Some of the numbers of a device. */
export interface Limits {
  readonly maxBufferSize: number
  readonly maxStorageBufferBindingSize: number
  readonly maxStorageBuffersPerShaderStage: number
  readonly maxComputeInvocationsPerWorkgroup: number
  readonly maxComputeWorkgroupStorageSize: number
}

export interface BindingRange {
  readonly buffer: GpuBuffer
  readonly offset: number
  readonly size: number
}

export interface Device {
  readonly limits: Limits
  readonly features: ReadonlySet<string>
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>
  readonly queue: {
    writeBuffer(buffer: GpuBuffer, offset: number, data: ArrayBufferView, from?: number, count?: number): void
    submit(commands: readonly CommandBuffer[]): void
  }
  createBuffer(options: { size: number; usage: number }): GpuBuffer
  createShaderModule(options: { code: string; label: string }): ShaderModule
  createBindGroupLayout(options: {
    entries: readonly { binding: number; visibility: number; buffer: { type: 'uniform' | 'storage' } }[]
  }): BindGroupLayout
  createPipelineLayout(options: { bindGroupLayouts: readonly BindGroupLayout[] }): PipelineLayout
  createComputePipelineAsync(options: {
    layout: PipelineLayout
    compute: { module: ShaderModule; entryPoint: string }
  }): Promise<Pipeline>
  createBindGroup(options: {
    layout: BindGroupLayout
    entries: readonly { binding: number; resource: BindingRange }[]
  }): BindGroup
  createCommandEncoder(): CommandEncoder
  createQuerySet(options: { type: 'timestamp'; count: number }): QuerySet
  pushErrorScope(kind: 'out-of-memory' | 'validation' | 'internal'): void
  popErrorScope(): Promise<{ readonly message: string } | null>
  /** What no error scope caught. */
  onuncapturederror: ((event: { readonly error: { readonly message: string } }) => void) | null
  destroy(): void
}

export interface Adapter {
  readonly info: {
    readonly vendor: string
    readonly architecture: string
    readonly device: string
    readonly description: string
    readonly isFallbackAdapter?: boolean
  }
  readonly limits: Limits
  readonly features: ReadonlySet<string>
  requestDevice(options: { requiredLimits: Partial<Limits>; requiredFeatures: readonly string[] }): Promise<Device>
}

export interface Gpu {
  requestAdapter(options: { powerPreference: 'high-performance' }): Promise<Adapter | null>
}

/** GPUBufferUsage and GPUMapMode, which Node does not have. */
export const USAGE = {
  mapRead: 0x1,
  copySource: 0x4,
  copyTarget: 0x8,
  uniform: 0x40,
  storage: 0x80,
  queryResolve: 0x200,
} as const
export const MAP_READ = 1
export const COMPUTE_STAGE = 4

/** The browser's; undefined where it has none. */
export const webGpu = (): Gpu | undefined => (globalThis as { navigator?: { gpu?: Gpu } }).navigator?.gpu
