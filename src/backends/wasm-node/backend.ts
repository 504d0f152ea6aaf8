// The wasm backend in Node.
import type { CompiledBackend } from '../compiled/backend.js'
import * as wasm from '../wasm/backend.js'
import { chooseBuild, ownSources } from '../wasm/builds.js'
import { nodeHost } from './host.js'

/** Without `instructionSet` the variable DENSENET_ISA chooses. */
export async function createWasmBackend(options: wasm.WasmOptions = {}): Promise<CompiledBackend> {
  const { sources = ownSources, instructionSet } = options
  const asked = instructionSet ?? chooseBuild(sources, process.env.DENSENET_ISA, 'DENSENET_ISA')
  return wasm.createWasmBackend({ host: nodeHost, ...options, instructionSet: asked })
}
