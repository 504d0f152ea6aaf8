// A thread in a browser: a module worker.
import type { Answer } from './host.js'
import { type Beginning, createListener } from './thread.js'

interface Scope {
  onmessage: (event: { readonly data: Beginning | number }) => void
  postMessage(answer: Answer): void
}

const scope = globalThis as unknown as Scope
const listen = createListener(answer => scope.postMessage(answer))
scope.onmessage = ({ data }) => listen(data)
