// Memory of whole training processes, with tests and checkpoints, beside what `densenet summary` predicts:
//   node bench/memory.mjs [--only densenet-121] [--json FILE]
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { createBackend } from '../dist/backends/registry.js'
import { DenseNet } from '../dist/index.js'
import { tell } from './results.mjs'

const WORKS = [
  ['densenet-bc-40-12', 8],
  ['densenet-bc-100-12', 64],
  ['densenet-121', 8],
  ['densenet-bc-190-40', 64],
]
const PROCESS = fileURLToPath(new URL('../test/runs/memory-process.mjs', import.meta.url))

const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, json: { type: 'string' } } })
const works = WORKS.filter(([model]) => model.includes(values.only))
if (works.length === 0) {
  console.error(`error: --only ${values.only} fits none of: ${WORKS.map(([model]) => model).join(', ')}`)
  process.exit(2)
}
const folder = await mkdtemp(join(tmpdir(), 'densenet-memory-'))
const rows = []
try {
  for (const [model, batchSize] of works) {
    for (const memory of ['store', 'recompute']) {
      const output = join(folder, `${model}-${memory}`)
      const predictedBytes = DenseNet.create(model).summary({ batchSize }).training[memory].total
      const { stdout } = await promisify(execFile)(process.execPath, [PROCESS, model, `${batchSize}`, memory, output])
      rows.push({ work: `${model}, batch ${batchSize}, ${memory}`, predictedBytes, takenBytes: Number(stdout) })
    }
  }
} finally {
  await rm(folder, { recursive: true })
}
tell('prediction', (await createBackend()).description, rows, values.json)
