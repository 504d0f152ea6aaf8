#!/usr/bin/env node
// Makes the tables of docs/formats.md: every fixture read by us, and what we write opened by its real readers.
//
//   node test/interop/formats.mjs PYTHON && npm run format
//
// PYTHON has torch, torchvision, timm, safetensors, onnx and onnxruntime; dist/ is built.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { createBackend, createSession } from '../../dist/entries/engine.js'
import { architecture } from '../../dist/entries/model.js'
import { DenseNet } from '../../dist/index.js'

const [python] = process.argv.slice(2)
if (python === undefined) {
  console.error('usage: node test/interop/formats.mjs PYTHON')
  process.exit(2)
}
const here = path => fileURLToPath(new URL(path, import.meta.url))
const golden = JSON.parse(readFileSync(here('fixtures/golden.json'), 'utf8'))
const originalLogits = JSON.parse(readFileSync(here('fixtures/original/logits.json'), 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'densenet-formats-'))
const gunzip = name => gunzipSync(readFileSync(here(`fixtures/${name}.gz`)))
const unpack = name => {
  const path = join(folder, name.replace('/', '-'))
  writeFileSync(path, gunzip(name))
  const symbol = name.replace(/-\d{4}\.params$/, '-symbol.json')
  if (symbol !== name) writeFileSync(join(folder, symbol), gunzip(symbol))
  return path
}
const images = shape =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 7919) % 1024) / 512 - 1)
const original = which => ({
  producer: `the original program, Torch7, network ${which}`,
  input: [4, 3, 32, 32],
  logits: originalLogits[which],
  images: new Float32Array(new Uint8Array(gunzip(`original/input_${which}.f32`)).buffer),
})
const files = { ...golden, 'original/model_6.t7': original('a'), 'original/model_b_cudnn.t7': original('b') }

/** The network and how far its logits are from the producer's, computed by the native backend in float32. */
async function read(name, backend) {
  const { input, logits, images: given = images(input) } = files[name]
  const [size, , height, width] = input
  const network = await DenseNet.load(unpack(name), { height, width })
  const described = architecture(network.config)
  const { output } = described.layers.at(-1)
  const session = await createSession(described, backend, { batchSize: size })
  await session.writeState(network.state)
  await session.evaluate({ size, images: given, labels: new Float32Array(size * output.height * output.width) })
  const ours = [...(await session.logits(size))]
  session.dispose()
  return { network, difference: Math.max(...ours.map((x, i) => Math.abs(x - logits.flat()[i]))) }
}

const backend = await createBackend()
const rows = []
for (const name of Object.keys(files)) {
  const { network, difference } = await read(name, backend)
  const { format, family } = network.imported
  rows.push([format, `\`${name}\``, files[name].producer, family, difference.toExponential(0)])
}
rows.sort(([a, b], [c, d]) => (`${a} ${b}` < `${c} ${d}` ? -1 : 1))

const EXPORTS = [
  ['torchvision.pth', 'pth', {}, 'model.pth'],
  ['torchvision.pth', 'safetensors', {}, 'model.safetensors'],
  ['torchvision.pth', 'timm', {}, 'timm'],
  ['odd.pth', 'pth', {}, 'odd.pth'],
  ['keras3.keras', 'pth', {}, 'keras.pth'],
  ['keras3.keras', 'timm', {}, 'keras-timm'],
  ['keras-scale.h5', 'pth', {}, 'keras-scale.pth'],
  ['chainer-yasunorikudo.npz', 'onnx', { precision: 'float32', fold: true }, 'chainer.onnx'],
  ...[true, false].map(fold => ['mxnet-0000.params', 'onnx', { precision: 'float32', fold }, `mxnet-${fold}.onnx`]),
  ...['torchvision.pth', 'kuangliu.pth', 'andreasveit-plain.pth.tar', 'odd.pth', 'monai.pt', 'keras3.keras'].flatMap(
    name =>
      [
        { precision: 'float32', fold: true },
        { precision: 'float32', fold: false },
        { precision: 'float16', fold: true },
        { precision: 'int8', fold: true },
      ].map((options, i) => [name, 'onnx', options, `${name}-${i}.onnx`]),
  ),
]
const jobs = []
for (const [name, kind, options, target] of EXPORTS) {
  const { network } = await read(name, backend)
  const path = join(folder, `out-${target}`)
  await network.export(path, { to: kind, ...options })
  const { growthRate, blocks, initialChannels, classes, bottleneckWidth } = network.config
  const net = {
    growth_rate: growthRate,
    block_config: blocks,
    num_init_features: initialChannels,
    num_classes: classes,
    bn_size: bottleneckWidth,
  }
  jobs.push({ kind, path, net, input: files[name].input, logits: files[name].logits })
}
backend.dispose()
const results = JSON.parse(
  execFileSync(python, [here('verify_exports.py')], { input: JSON.stringify(jobs), stdio: ['pipe', 'pipe', 'ignore'] }),
)
const written = EXPORTS.map(([name, kind, { precision, fold }, _], i) => {
  const how = precision === undefined ? kind : `${kind}, ${precision}, ${fold ? 'folded' : 'not folded'}`
  const { opened, difference, error } = results[i]
  return [
    how,
    `\`${name}\``,
    opened,
    error === undefined ? difference.toExponential(0) : `failed: ${error.slice(0, 200)}`,
  ]
})
rmSync(folder, { recursive: true })

const table = (head, lines) =>
  [head, head.map(() => '---'), ...lines].map(cells => `| ${cells.join(' | ')} |`).join('\n')
const tables = {
  read: table(['format', 'file', 'producer', 'names', 'worst difference of logits'], rows),
  written: table(['written as', 'from', 'opened with', 'worst difference of logits'], written),
}
const document = here('../../docs/formats.md')
let text = readFileSync(document, 'utf8')
for (const [name, lines] of Object.entries(tables)) {
  text = text.replace(new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`), `$1\n${lines}\n\n$2`)
}
writeFileSync(document, text)
console.log(Object.values(tables).join('\n\n'))
if (results.some(({ error }) => error !== undefined)) process.exitCode = 1
