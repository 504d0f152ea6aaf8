// What a page does with the wasm backend.
import { createWasmBackend } from '../../dist/backends/wasm/backend.js'
import { firstLosses } from './losses.js'

export interface PageResult {
  readonly description: string
  readonly warnings: readonly string[]
  readonly losses: readonly number[]
  /** How often a timer of 5 ms came to its turn while the steps were made. */
  readonly turns: number
}

export async function train(steps: number): Promise<PageResult> {
  const warnings: string[] = []
  const onWarning = (message: string): unknown => warnings.push(message)
  const backend = await createWasmBackend({ threads: 2, instructionSet: 'simd', onWarning })
  let turns = 0
  const timer = setInterval(() => turns++, 5)
  const losses = await firstLosses(backend, steps)
  clearInterval(timer)
  const { description } = backend
  backend.dispose()
  return { description, warnings, losses, turns }
}
