// A folder in which the commands of the documentation find what they speak of: runs, weights, photographs, all tiny.
import { fork, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import sharp from 'sharp'
import { root } from './blocks.mjs'

const WARM = `${root}test/cli/warm.mjs`
const TINY = ['--depth', '10', '--growth-rate', '4', '--bottleneck', '--threads', '1', '--quiet']
const SHORT = ['--epochs', '1', '--train-limit', '32', '--test-limit', '16', '--batch-size', '16']
/** Some of the data set `synthetic`, so that a run on that knows them. */
const CLASSES = ['disc', 'ring', 'square']
const IMAGE_NAME = /^[\w./-]+\.(jpe?g|png|webp)$/

const environment = cwd => ({ CI: '1', XDG_CACHE_HOME: join(cwd, '.cache') })

/** A process that runs command lines one after another, since another one takes a second to start. `densenet` resolves to how one
 * ended; after a crash the next one gets another process. */
export function startDensenet() {
  let child = null
  const densenet = (args, cwd) => {
    child ??= fork(WARM, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    return new Promise(resolve => {
      const finish = ({ code, out, err }) => {
        child?.removeAllListeners()
        resolve({ code, output: out + err })
      }
      child.once('message', finish)
      child.once('exit', code => {
        finish({ code: code || 1, out: '', err: 'the process ended that runs command lines' })
        child = null
      })
      child.send({ args, cwd, env: environment(cwd) })
    })
  }
  return { densenet, end: () => child?.disconnect() }
}

/** A process that runs: what it printed so far, and how it ended. */
export function run(command, args, cwd) {
  const env = { ...process.env, ...environment(cwd) }
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const running = { child, output: '' }
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', text => {
      running.output += text
    })
  }
  running.ended = new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => resolve({ code, output: running.output }))
  })
  return running
}

async function must(densenet, args, cwd) {
  const { code, output } = await densenet(args, cwd)
  if (code !== 0) throw new Error(`the sandbox cannot be made: densenet ${args.join(' ')}\n${output}`)
}

async function picture(path, seed) {
  mkdirSync(dirname(path), { recursive: true })
  const pixels = Buffer.from(Array.from({ length: 3 * 48 * 40 }, (_, i) => (i * (7 + seed)) % 251))
  await sharp(pixels, { raw: { width: 48, height: 40, channels: 3 } }).toFile(path)
}

/** Classes of the pixels of such a picture, 11 being none. */
async function mask(path, seed) {
  mkdirSync(dirname(path), { recursive: true })
  const pixels = Buffer.from(Array.from({ length: 48 * 40 }, (_, i) => Math.floor((i + seed) / 160) % 12))
  await sharp(pixels, { raw: { width: 48, height: 40, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toFile(path)
}

/** Once, by such a process; copied for each page. */
export async function makeSandbox(densenet) {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-docs-'))
  for (const [i, name] of CLASSES.entries()) {
    for (const split of ['train', 'val']) {
      for (const n of [1, 2, 3]) await picture(join(folder, 'photos', split, name, `${n}.jpg`), 10 * i + n)
    }
  }
  for (let c = 0; c < 100; c++) {
    for (const split of ['train', 'val']) await picture(join(folder, 'hundred', split, `class${c}`, '1.png'), c)
  }
  for (const name of ['holidays/1.jpg', 'holidays/2.png', 'a.png']) await picture(join(folder, name), 5)
  const lines = CLASSES.flatMap(name => [1, 2, 3].map(n => `photos/train/${name}/${n}.jpg,${name}`))
  writeFileSync(join(folder, 'photos.csv'), `path,label\n${lines.join('\n')}\n`)
  for (const split of ['train', 'val', 'test']) {
    for (const n of [1, 2, 3]) {
      await picture(join(folder, 'CamVid', split, `${n}.png`), n)
      await mask(join(folder, 'CamVid', `${split}annot`, `${n}.png`), n)
    }
  }
  const chexpert = join(folder, 'CheXpert-v1.0-small')
  mkdirSync(chexpert)
  for (const split of ['train', 'valid']) {
    const rows = CLASSES.flatMap((name, i) =>
      [1, 2, 3].map(
        n => `photos/train/${name}/${n}.jpg,Female,${60 + n},${i === 0 ? '1.0,,' : `,${(i % 3) - 1}.0,1.0`}`,
      ),
    )
    const header = 'Path,Sex,Age,No Finding,Edema,Fracture'
    writeFileSync(join(chexpert, `${split}.csv`), `${[header, ...rows].join('\n')}\n`)
  }
  for (const name of ['a', 'b']) {
    await must(densenet, ['train', ...TINY, ...SHORT, '--dataset', 'synthetic', '--output', `runs/${name}`], folder)
  }
  cpSync(join(folder, 'runs'), join(folder, 'experiments'), { recursive: true })
  for (const file of ['weights.pth', 'model.safetensors', 'densenet121-a639ec97.pth', 'weights.onnx']) {
    await must(densenet, ['convert', 'runs/a', file, '--quiet'], folder)
  }
  const fixtures = `${root}test/interop/fixtures/`
  const unpack = (from, to) => {
    mkdirSync(dirname(join(folder, to)), { recursive: true })
    writeFileSync(join(folder, to), gunzipSync(readFileSync(fixtures + from)))
  }
  for (const name of ['weights.h5', 'keras.weights.h5']) unpack('keras2.h5.gz', name)
  for (const name of readdirSync(`${fixtures}original`).filter(name => name.endsWith('.t7.gz'))) {
    unpack(`original/${name}`, `checkpoints/${name.replace(/\.gz$/, '')}`)
  }
  return folder
}

/** A copy of it, in which the images that a command names lie, too. */
export async function copySandbox(made, commands) {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-docs-'))
  cpSync(made, folder, { recursive: true })
  for (const { command } of commands) {
    const words = command.split(' ')
    for (const [i, word] of words.entries()) {
      const isOutput = /^(--output|-o|>)$/.test(words[i - 1] ?? '')
      if (IMAGE_NAME.test(word) && !isOutput && !existsSync(join(folder, word))) await picture(join(folder, word), 3)
    }
  }
  return folder
}

export const remove = folder => rmSync(folder, { recursive: true, force: true })
