// Images that change while a run is on them, or between its parts.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { copyOf, demand, densenet, fresh, goOn, isQuiet, isSentence, outcome } from './harness.mjs'

const someImage = (images, split = 'train') => {
  const classFolder = join(images, split, readdirSync(join(images, split))[0])
  return join(classFolder, readdirSync(classFolder)[0])
}

const CHANGES = [
  ['a training image is gone', images => rmSync(someImage(images))],
  ['a test image is gone', images => rmSync(someImage(images, 'val'))],
  ['an image is cut', images => truncateSync(someImage(images), 100)],
  ['an image is empty', images => truncateSync(someImage(images), 0)],
  ['an image is another one', images => cpSync(someImage(images, 'val'), someImage(images))],
  ['an image is no image', images => writeFileSync(someImage(images), 'text')],
  ['an image has another name', images => renameSync(someImage(images), `${someImage(images)}.x.png`)],
  [
    'an image moved to another class',
    images => renameSync(someImage(images), join(images, 'train', readdirSync(join(images, 'train'))[1], 'moved.png')),
  ],
  [
    'a class is gone',
    images => rmSync(join(images, 'train', readdirSync(join(images, 'train'))[0]), { recursive: true }),
  ],
  [
    'a class has another name',
    images => renameSync(join(images, 'train', readdirSync(join(images, 'train'))[0]), join(images, 'train', 'zzz')),
  ],
  ['all of them are gone', images => rmSync(images, { recursive: true })],
]

/** Changed between the parts of a run: refused; put back: the same bits. (A folder may have moved: the name counts.) */
async function changedBetween(context, [title, change]) {
  const { base, images } = context
  const saved = fresh()
  const run = copyOf(context.middle)
  cpSync(images, saved, { recursive: true })
  const parent = fresh()
  const own = join(parent, 'images')
  cpSync(images, own, { recursive: true })
  change(own)
  const ended = await densenet(['train', '--resume', run, '--dataset', own])
  demand(isSentence(ended), `${title}: it is not noticed`, ended)
  rmSync(own, { recursive: true, force: true })
  cpSync(saved, own, { recursive: true })
  await goOn(run, base.undisturbed, { args: ['--dataset', own] })
  return 'refused'
}

/** Changed while a run is on them: the same bits where nothing was missed; else a warning or an error says which file. */
async function changedDuring({ base, images }, [title, change]) {
  const own = join(fresh(), 'images')
  cpSync(images, own, { recursive: true })
  const args = base.args.map(arg => (arg.startsWith('--dataset=') ? `--dataset=${own}` : arg))
  const folder = fresh()
  let done = false
  const ended = await densenet(['train', ...args, '--json', '--output', folder], {
    act: out => {
      if (done || !out.includes('"type":"step"')) return
      done = true
      change(own)
    },
  })
  if (isSentence(ended)) return 'refused'
  demand(ended.code === 0 && isQuiet(ended), `${title}: neither went on nor a sentence`, ended)
  const [is, should] = [(await outcome(folder)).checkpoints, base.undisturbed.checkpoints].map(value =>
    JSON.stringify(value),
  )
  if (is === should) return 'same'
  demand(
    / is skipped: | have changed since the run began/.test(ended.err + ended.out),
    `${title}: the weights differ without a word`,
    ended,
  )
  return 'warned'
}

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'densenet', 'mnist')

/** A data set in the cache, whose files are known by their checksums; there is no network to bring it again. */
async function alteredCache({ network }, change) {
  const home = fresh()
  const cache = join(home, 'densenet', 'mnist')
  cpSync(CACHE, cache, { recursive: true })
  const nowhere = 'http://127.0.0.1:9'
  const env = { XDG_CACHE_HOME: home, npm_config_registry: nowhere, https_proxy: nowhere, http_proxy: nowhere }
  const folder = fresh()
  const args = [...network, '--dataset=mnist', '--train-limit=16', '--test-limit=8', '--batch-size=8', '--epochs=1']
  const begun = await densenet(['train', ...args, '--output', folder], { env })
  demand(begun.code === 0 && begun.err === '', 'a run on the cache fails', begun)
  const file = join(cache, 'train-images-idx3-ubyte')
  const whole = readFileSync(file)
  change(file)
  const ended = await densenet(['train', '--resume', folder, '--epochs=2'], { env })
  demand(isSentence(ended), 'an altered cache is not noticed', ended)
  mkdirSync(cache, { recursive: true })
  writeFileSync(file, whole)
  const again = await densenet(['train', '--resume', folder, '--epochs=2'], { env })
  demand(again.code === 0 && again.err === '', 'it does not go on when the files are back', again)
  return 'refused'
}

const altered = file => {
  const bytes = readFileSync(file)
  bytes[bytes.length >> 1] ^= 1
  writeFileSync(file, bytes)
}

export const data = [
  {
    fault: 'images that changed when a run goes on',
    trials: context => context.few(CHANGES, 2).map(change => () => changedBetween(context, change)),
  },
  {
    fault: 'images that change while a run is on them',
    trials: context => context.few(CHANGES, 2).map(change => () => changedDuring(context, change)),
  },
  ...(existsSync(CACHE)
    ? [
        {
          fault: 'files of the cache that were altered, cut or deleted',
          trials: context =>
            context
              .few([altered, file => truncateSync(file, 1000), file => rmSync(file)], 0)
              .map(change => () => alteredCache(context, change)),
        },
      ]
    : []),
]
