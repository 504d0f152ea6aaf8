// Scripts of bench/ are run by hand, some on machines that are not at hand: that what they import is there is seen here.
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

test('what scripts of bench import is there', async () => {
  const folder = fileURLToPath(new URL('../../bench/', import.meta.url))
  const scripts = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.mjs'))
  expect(scripts).toContain('gpu/measure.mjs')
  const { errors } = await build({
    entryPoints: scripts.map(script => folder + script),
    ...{ bundle: true, write: false, outdir: folder, platform: 'node', format: 'esm', packages: 'external' },
    logLevel: 'silent',
  })
  expect(errors).toEqual([])
})
