// Makes models/cifar10, the network that comes with the package, of a finished run: its last weights (not the best ones,
// which were picked on the test images), what it was asked for, and its epochs.
//
//   node scripts/ship-model.mjs RUN     after npm run build:ts

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DenseNet } from '../dist/index.js'

const [run] = process.argv.slice(2)
if (run === undefined) throw new Error('which run?')
const folder = fileURLToPath(new URL('../models/cifar10', import.meta.url))
mkdirSync(folder, { recursive: true })

const network = await DenseNet.load(join(run, 'last.safetensors'))
await network.save(join(folder, 'model.safetensors'))

const { recipe, ...settings } = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'))
const { model, dataset, config } = settings
writeFileSync(join(folder, 'config.json'), `${JSON.stringify({ model, dataset, recipe, config }, null, 2)}\n`)

const epochs = readFileSync(join(run, 'log.jsonl'), 'utf8')
  .split('\n')
  .filter(line => line.includes('"type":"epoch"'))
writeFileSync(join(folder, 'log.jsonl'), `${epochs.join('\n')}\n`)
console.log(`${folder}: ${epochs.length} epochs; the last: ${epochs.at(-1)}`)
