// The host of browsers.
import { DenseNetError } from '../../errors.js'
import type { Answer, Host } from './host.js'
import { place } from './platform.js'

declare const Worker: new (
  url: URL,
  options: { type: 'module' },
) => {
  onmessage: (event: { readonly data: Answer }) => void
  onerror: (event: { readonly message?: string }) => void
  postMessage(message: unknown): void
  terminate(): void
}

export const webHost: Host = {
  cores: place.navigator?.hardwareConcurrency ?? 1,
  alone: place.crossOriginIsolated
    ? null
    : 'this page is not cross-origin isolated; served with the headers Cross-Origin-Opener-Policy: same-origin and ' +
      'Cross-Origin-Embedder-Policy: require-corp it has a thread for each core',
  async read(file) {
    const answer = await fetch(file).catch((error: Error) => ({ ok: false as const, status: error.message }))
    if (answer.ok) return new Uint8Array(await answer.arrayBuffer())
    throw new DenseNetError(`the wasm backend cannot be loaded (${file}: ${answer.status})`, {
      hint: 'serve the file there, or give the bytes or the URL of it',
    })
  },
  start(heard, failed) {
    // Bundlers know a worker by these words.
    const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
    worker.onmessage = ({ data }) => heard(data)
    worker.onerror = ({ message }) => failed(message ?? 'the script of the thread cannot be loaded')
    return {
      post: message => worker.postMessage(message),
      end: () => worker.terminate(),
    }
  },
}
