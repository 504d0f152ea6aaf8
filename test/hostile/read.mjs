// Reads one file as the library would, in a process of its own, and says what became of it and what it took.
//   node test/hostile/read.mjs KIND FILE
import { mkdirSync } from 'node:fs'
import { DenseNetError } from '../../dist/errors.js'

/** Each brings what it needs, so that no file waits for the readers of others. */
const READERS = {
  weights: async () => {
    const { importWeights } = await import('../../dist/interop/import-weights.js')
    const { readWeights } = await import('../../dist/networks/weight-files.js')
    return async file => importWeights(await readWeights(file))
  },
  checkpoint: async () => (await import('../../dist/runs/checkpoint.js')).readCheckpoint,
  image: async () => (await import('../../dist/data/loading/decode.js')).decodeImageFile,
  list: async () => (await import('../../dist/data/sets/image-files.js')).imageFiles,
  mat: async () => {
    const { readMat } = await import('../../dist/data/sets/mat.js')
    const { readInChunks } = await import('../../dist/node/files.js')
    return file => readMat(readInChunks(file), file, () => null)
  },
  idx: async () => {
    const { readIdx } = await import('../../dist/data/sets/idx.js')
    const { readBytes } = await import('../../dist/networks/weight-files.js')
    return async file => readIdx(await readBytes(file), 3, file)
  },
  tar: async () => {
    const { unpackTarGz } = await import('../../dist/data/bringing/unpack.js')
    return async file => {
      mkdirSync(`${file}.out`, { recursive: true })
      await unpackTarGz(file, new Map([['wanted.bin', 16]]), `${file}.out`)
    }
  },
}
const [kind, file] = process.argv.slice(2)
const read = await READERS[kind]()
const before = process.resourceUsage().maxRSS
const facts = { refused: false, isSentence: true, message: '' }
try {
  await read(file)
} catch (error) {
  facts.refused = true
  facts.isSentence = error instanceof DenseNetError && !error.message.includes('\n')
  facts.message = error instanceof DenseNetError ? error.message : `${error?.stack}`
}
const megabytes = Math.round((process.resourceUsage().maxRSS - before) / 1024)
process.stdout.write(JSON.stringify({ ...facts, megabytes }))
