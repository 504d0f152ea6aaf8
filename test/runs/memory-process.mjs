// A whole training run in a process of its own: trains, tests, keeps checkpoints. Prints the peak of its resident memory,
// less the images of its data set, as Linux counts it.
//   node memory-process.mjs MODEL BATCH_SIZE MEMORY FOLDER [PRECISION]
import { readFileSync } from 'node:fs'
import { preset } from '../../dist/entries/model.js'
import { DenseNet } from '../../dist/index.js'

const [model, batch, memory, output, precision] = process.argv.slice(2)
const batchSize = Number(batch)
const { inputChannels: channels, height, width, classes } = preset(model)

function images(split, batches) {
  const length = batches * batchSize
  const images = new Uint8Array(new SharedArrayBuffer(length * channels * height * width))
  for (let i = 0; i < images.length; i++) images[i] = Math.imul(i, 0x9e3779b1) >>> 24
  return {
    name: 'noise',
    split,
    length,
    channels,
    height,
    width,
    images,
    classes: Array.from({ length: classes }, (_, i) => `class ${i}`),
    labels: new Uint16Array(new SharedArrayBuffer(2 * length)),
    normalisation: { mean: [128, 128, 128], deviation: [64, 64, 64] },
  }
}

// Enough batches to fill every slot of the loader that trains; where it tests less is kept.
const [train, validation] = [images('train', 5), images('test', 1)]
await DenseNet.create(model).fit(train, { validation, epochs: 1, batchSize, memory, output, precision })
const peak = 1024 * Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
console.log(peak - train.images.length - validation.images.length)
