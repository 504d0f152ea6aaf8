// What of a browser is used, typed: TypeScript knows it only together with the rest of one.

export interface Port {
  onmessage: ((event: { readonly data: never }) => void) | null
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void
}

export interface WebWorker extends Port {
  onerror: ((event: { readonly message?: string }) => void) | null
  terminate(): void
}

export interface Bitmap {
  readonly width: number
  readonly height: number
  close(): void
}

interface Canvas2d {
  drawImage(bitmap: Bitmap, x: number, y: number): void
  getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray }
}

/** Only what brings the bytes of a texture back. */
export interface WebGl {
  readonly TEXTURE_2D: number
  readonly RGBA: number
  readonly UNSIGNED_BYTE: number
  readonly FRAMEBUFFER: number
  readonly COLOR_ATTACHMENT0: number
  readonly FRAMEBUFFER_COMPLETE: number
  readonly UNPACK_PREMULTIPLY_ALPHA_WEBGL: number
  readonly UNPACK_COLORSPACE_CONVERSION_WEBGL: number
  readonly NONE: number
  createTexture(): object
  createFramebuffer(): object
  bindTexture(target: number, texture: object): void
  bindFramebuffer(target: number, framebuffer: object): void
  pixelStorei(name: number, value: number): void
  texImage2D(target: number, level: number, inside: number, format: number, type: number, bitmap: Bitmap): void
  framebufferTexture2D(target: number, attachment: number, texture: number, of: object, level: number): void
  checkFramebufferStatus(target: number): number
  readPixels(x: number, y: number, width: number, height: number, format: number, type: number, into: Uint8Array): void
  getExtension(name: 'WEBGL_lose_context'): { loseContext(): void } | null
}

interface Canvas {
  getContext(kind: '2d', options: { willReadFrequently: boolean }): Canvas2d | null
  getContext(kind: 'webgl2'): WebGl | null
}

/** An open file of the origin's private file system, to write in. */
export interface OpenFile {
  getSize(): number
  read(into: Uint8Array, options: { at: number }): number
  write(bytes: Uint8Array, options: { at: number }): number
  truncate(length: number): void
  flush(): void
  close(): void
}

export interface FileHandle {
  getFile(): Promise<Blob>
  createSyncAccessHandle(): Promise<OpenFile>
  move(name: string): Promise<void>
}

export interface Directory {
  getDirectoryHandle(name: string, options?: { create: boolean }): Promise<Directory>
  getFileHandle(name: string, options?: { create: boolean }): Promise<FileHandle>
  removeEntry(name: string): Promise<void>
  keys(): AsyncIterable<string>
}

interface Web {
  readonly MessageChannel: new () => { readonly port1: Port & { close(): void }; readonly port2: Port }
  readonly OffscreenCanvas: new (width: number, height: number) => Canvas
  readonly location: { readonly href: string }
  readonly navigator: {
    readonly deviceMemory?: number
    readonly storage?: { getDirectory(): Promise<Directory> }
    readonly locks?: {
      request(name: string, options: { ifAvailable: true }, held: (lock: object | null) => Promise<void>): Promise<void>
    }
  }
  createImageBitmap(
    image: Blob,
    options: { colorSpaceConversion: 'none'; premultiplyAlpha: 'none'; imageOrientation: 'from-image' },
  ): Promise<Bitmap>
}

export const web = globalThis as unknown as Web & Port
