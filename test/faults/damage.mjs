// Files of a run that are cut, altered, emptied, swapped or gone when it is gone on with.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { copyOf, demand, demandSame, densenet, isQuiet, isSentence, LAST, outcome } from './harness.mjs'

/** Ways to damage a file; `of`: a place in it, from 0 to 1. */
const flip = of => ({
  title: `a byte is altered at ${of}`,
  damage: path => {
    const bytes = readFileSync(path)
    bytes[Math.min(bytes.length - 1, Math.floor(of * bytes.length))] ^= 0x11
    writeFileSync(path, bytes)
  },
})
const flipAt = at => ({
  title: `byte ${at} is altered`,
  damage: path => {
    const bytes = readFileSync(path)
    bytes[at] ^= 0x11
    writeFileSync(path, bytes)
  },
})
const cut = of => ({
  title: `it is cut at ${of}`,
  damage: path => truncateSync(path, Math.floor(of * readFileSync(path).length)),
})
const zeroed = bytes => bytes.fill(0, bytes.length - 40)
const zeros = { title: 'its end is zeros', damage: path => writeFileSync(path, zeroed(readFileSync(path))) }
const longer = {
  title: 'bytes were added',
  damage: path => writeFileSync(path, `${readFileSync(path, 'latin1')}{"a`, 'latin1'),
}
const gone = { title: 'it is gone', damage: path => rmSync(path) }
const folder = {
  title: 'a folder is in its place',
  damage: path => {
    rmSync(path)
    mkdirSync(path)
  },
}
const swapped = {
  title: "another run's is in its place",
  damage: (path, name, other) => copyFileSync(join(other, name), path),
}
const ALL = [
  flipAt(0),
  flipAt(3),
  flipAt(9),
  flip(0.05),
  flip(0.3),
  flip(0.6),
  flip(1),
  cut(0),
  cut(0.01),
  cut(0.5),
  cut(0.999),
  zeros,
  longer,
  gone,
  folder,
  swapped,
]
const FEW = [flip(0.6), cut(0.5), folder, swapped]

/** Goes on after the damage: the same weights, whatever the file was; or a sentence. What is lost is named. */
async function damaged({ base, middle, other }, name, { title, damage }) {
  const run = copyOf(middle)
  const path = join(run, name)
  damage(path, name, other)
  const ended = await densenet(['train', '--resume', run])
  if (isSentence(ended)) {
    demand(ended.err.includes(name) || name === 'config.json', `${title}: the file is not named`, ended)
    return 'refused'
  }
  demand(ended.code === 0 && isQuiet(ended), `${name}, ${title}: neither went on nor a sentence`, ended)
  const named = ended.err.includes(path) || (name === 'config.json' && ended.err.includes('config.json'))
  const found = await demandSame(run, base.undisturbed, ['files', 'checkpoints', 'log'])
  const missing = base.undisturbed.files.filter(file => !existsSync(join(run, file)))
  demand(missing.length === 0 || named, `${name}, ${title}: ${missing} are missing without a word`, ended)
  for (const [file, digest] of Object.entries(base.undisturbed.checkpoints)) {
    const isSame = found.checkpoints[file] === digest
    demand(isSame || (file === name && named), `${name}, ${title}: ${file} differs without a word`, ended)
  }
  const extra = found.files.filter(file => !base.undisturbed.files.includes(file) && file !== `${name}.damaged`)
  demand(extra.length === 0, `${name}, ${title}: ${extra} are left over`, ended)
  const isLogSame = JSON.stringify(found.log) === JSON.stringify(base.undisturbed.log)
  if (name === 'log.jsonl') demandWhole(found.log, await stepOf(middle), base.steps, title)
  else demand(isLogSame, `${name}, ${title}: the log differs`, ended)
  const isAllSame =
    isLogSame &&
    missing.length === 0 &&
    Object.entries(base.undisturbed.checkpoints).every(([file, digest]) => found.checkpoints[file] === digest)
  return isAllSame ? 'same' : 'warned'
}

const stepOf = async run => Number((await outcome(run)).log.findLast(({ type }) => type === 'step').step)

/** Whatever was there before: from where it goes on every step is there once, on a line of its own. */
function demandWhole(log, from, to, title) {
  const steps = log.filter(line => line.type === 'step' && line.step > from).map(({ step }) => step)
  const wanted = Array.from({ length: to - from }, (_, i) => from + 1 + i)
  demand(steps.join() === wanted.join(), `log.jsonl, ${title}: after it has steps ${steps}, not ${wanted}`)
}

const FILES = [
  'last.safetensors',
  'last.previous.safetensors',
  'best.safetensors',
  'epoch-1.safetensors',
  'config.json',
  'log.jsonl',
]

/** Damage, and a kill while going on after it: the good checkpoint must not be lost to the damaged one. */
async function damagedAndKilled({ base, middle }, at) {
  const run = copyOf(middle)
  truncateSync(join(run, LAST), 100)
  await densenet(['train', '--resume', run], { fault: { folder: run, at, act: 'kill' } })
  const ended = await densenet(['train', '--resume', run])
  demand(ended.code === 0 && isQuiet(ended), 'a damaged checkpoint and a kill lose the run', ended)
  await demandSame(run, base.undisturbed)
  return 'same'
}

export const damage = [
  ...FILES.map(name => ({
    fault: `${name} is damaged`,
    trials: context => {
      demand(readdirSync(context.middle).includes(name), `${name} is missing from the run that is to be damaged`)
      return (context.short ? context.few(FEW, name.startsWith('last.s') ? 4 : 1) : ALL).map(
        way => () => damaged(context, name, way),
      )
    },
  })),
  {
    fault: 'last.safetensors is damaged, and SIGKILL while going on',
    trials: context =>
      context
        .few(
          Array.from({ length: 24 }, (_, i) => 1 + i),
          1,
        )
        .map(at => () => damagedAndKilled(context, at)),
  },
]
