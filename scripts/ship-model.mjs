// Makes models/cifar10, the network that comes with the package, of a finished run on CIFAR-10: its last weights (not the
// best ones, which were picked on the test images), what it was asked for, its epochs, and its error on all test images,
// measured here. Then test/networks/make_cifar.mjs makes the pictures that its test shows it.
//
//   node scripts/ship-model.mjs RUN 'THE COMMAND THAT TRAINED IT'     after npm run build:ts

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadDataset } from '../dist/entries/data.js'
import { DenseNet } from '../dist/index.js'

const [run, command] = process.argv.slice(2)
if (command === undefined) throw new Error('which run, and which command trained it?')
const folder = fileURLToPath(new URL('../models/cifar10', import.meta.url))
const write = (name, text) => writeFileSync(join(folder, name), text)
mkdirSync(folder, { recursive: true })

const network = await DenseNet.load(join(run, 'last.safetensors'))
await network.save(join(folder, 'model.safetensors'))

const epochs = readFileSync(join(run, 'log.jsonl'), 'utf8')
  .split('\n')
  .filter(line => line.includes('"type":"epoch"'))
write('log.jsonl', `${epochs.join('\n')}\n`)

const test = await loadDataset('cifar10', { split: 'test' })
const { loss, top1Error, top5Error } = await network.evaluate(test)
const { model, dataset, recipe, config } = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'))
const facts = { model, dataset, test: { images: test.length, loss, top1Error, top5Error }, recipe, config }
write('config.json', `${JSON.stringify(facts, null, 2)}\n`)

const parameters = network.summary().parameters.toLocaleString('en-US')
write(
  'README.md',
  `# cifar10

The network that \`densenet classify\` uses when no other is named: ${model} (${parameters} parameters), trained on CIFAR-10's
50,000 training images by this package for ${epochs.length} epochs, with

    ${command}

Error on CIFAR-10's 10,000 test images: ${top1Error.toFixed(2)} % (top-5: ${top5Error.toFixed(2)} %), measured by

    densenet test cifar10 --dataset cifar10

These are the weights after the last epoch, not those of the epoch with the lowest test error, which would have been picked
by the test images. \`config.json\` holds the whole recipe, \`log.jsonl\` what each epoch reached.

It knows ten classes (${test.classes.join(', ')}), gives every image one of them,
and sees 32 x 32 pixels of it. Its licence is the package's.
`,
)
network.dispose()
console.log(`${folder}: ${epochs.length} epochs, test error ${top1Error.toFixed(2)} %`)
