// The runs of scripts/test-sanitized.mjs: that the build which DENSENET_NATIVE names is the one that runs.
import { realpathSync } from 'node:fs'
import { expect, test } from 'vitest'
import { loadAddon } from '../../dist/backends/native/addon.js'

const wanted = process.env.DENSENET_NATIVE

/** Libraries in this process. */
function loaded(): string[] {
  return (process.report.getReport() as unknown as { sharedObjects: string[] }).sharedObjects
}

test.skipIf(!wanted)('DENSENET_NATIVE is what was loaded', () => {
  loadAddon()
  expect(loaded().map(path => path.split('/').at(-1))).toContain('densenet.node')
  expect(loaded().filter(path => path.endsWith('densenet.node'))).toEqual([realpathSync(wanted!)])
})

test.skipIf(!process.env.DENSENET_SANITIZED)('AddressSanitizer is at work', () => {
  loadAddon()
  expect(loaded().some(path => path.includes('libasan'))).toBe(true)
})
