// Reads one file as the library would, in a process of its own, and says what became of it and what it took.
//   node test/hostile/read.mjs KIND FILE
import { mkdirSync } from 'node:fs'
import { unpackTarGz } from '../../dist/data/bringing/unpack.js'
import { decodeImageFile } from '../../dist/data/loading/decode.js'
import { readIdx } from '../../dist/data/sets/idx.js'
import { imageFiles } from '../../dist/data/sets/image-files.js'
import { readMat } from '../../dist/data/sets/mat.js'
import { DenseNetError } from '../../dist/errors.js'
import { importWeights } from '../../dist/interop/import-weights.js'
import { readBytes, readWeights } from '../../dist/networks/weight-files.js'
import { readInChunks } from '../../dist/node/files.js'
import { readCheckpoint } from '../../dist/runs/checkpoint.js'

const READERS = {
  weights: async file => importWeights(await readWeights(file)),
  checkpoint: readCheckpoint,
  image: decodeImageFile,
  list: file => imageFiles(file),
  mat: file => readMat(readInChunks(file), file, () => null),
  idx: async file => readIdx(await readBytes(file), 3, file),
  tar: async file => {
    mkdirSync(`${file}.out`, { recursive: true })
    await unpackTarGz(file, new Map([['wanted.bin', 16]]), `${file}.out`)
  },
}
const [kind, file] = process.argv.slice(2)
const before = process.resourceUsage().maxRSS
const facts = { refused: false, isSentence: true, message: '' }
try {
  await READERS[kind](file)
} catch (error) {
  facts.refused = true
  facts.isSentence = error instanceof DenseNetError && !error.message.includes('\n')
  facts.message = error instanceof DenseNetError ? error.message : `${error?.stack}`
}
const megabytes = Math.round((process.resourceUsage().maxRSS - before) / 1024)
process.stdout.write(JSON.stringify({ ...facts, megabytes }))
