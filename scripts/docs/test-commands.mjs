// Runs every command of the shell blocks of README.md and docs/*.md, in a sandbox of tiny runs, weights and images, in a
// short form: the same command with limits after it and data sets replaced that cannot be had. A command that is neither
// run nor in the table below is an error.
//   node scripts/docs/test-commands.mjs [WORD...]      only commands with these words       (npm run test:docs)
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { blocks, commandsOf } from './blocks.mjs'
import { allCommands, optionNames } from './commands.mjs'
import { copySandbox, makeSandbox, remove, run, startDensenet } from './sandbox.mjs'

/** What is not run here, and why. */
const NOT_RUN = [
  [/^git clone |^cd /, 'the checkout is there already'],
  [/^npm (ci|start|test|install)\b|^npm run /, 'steps of .ci/run of their own'],
  [/^apt-get /, 'needs root'],
  [/^node (bench|scripts|test|examples)\//, 'measures, or is run by .ci/run'],
  [/^(python3?|pip|tensorboard|curl|docker|mpirun|sbatch|kubectl) /, 'another program, which may not be here'],
  [/^th main\.lua/, 'the original program'],
  [/^(npx )?densenet data \w/, 'fetches a data set: test/data/bringing/download.test.ts'],
  [/^(npx )?densenet train --resume checkpoints/, "a run of the original's: test/interop/cli.test.ts"],
  [/^(npx )?densenet models --(fetch|remove)/, 'fetches a network: test/networks/fetch.test.ts'],
  [/\.zip\b|flowers\/pictures/, 'a project of the playground: test/playground'],
  [/^densenet segment --model runs\/a/, 'needs a run on images with masks, as those of docs/data.md'],
  [/ < /, 'reads standard input: test/cli/classify.test.ts'],
  [/^(npx )?densenet train --demo/, 'fetches a data set: npm start'],
  [
    /^(npx )?densenet train -[A-Za-z]{2}/,
    "trains for days; test/cli/original-options.test.ts and original-runs.test.ts test the original's options",
  ],
]

/** Put after a command that has such an option: the last value counts. */
const LIMITS = {
  '--epochs': '1',
  '--train-limit': '32',
  '--test-limit': '16',
  '--batch-size': '16',
  '--loader-threads': '0',
  '--threads': '1',
  '--iterations': '1',
  '--images': '16',
  '--warmup-epochs': '0',
}
/** What a run that goes on, or a network in words, does not take anew. */
const NOT_RESUMED = ['--train-limit', '--test-limit', '--batch-size', '--warmup-epochs']
/** A large network on photographs is as good on small ones. */
const SMALL_IMAGES = ['--image-size', '32']
const SERVERS = ['serve', 'dashboard', 'playground']
/** Networks that would be fetched, and classes that the sandbox's do not have. */
const INSTEAD = { densenet121: 'runs/a', 'densenet121.pth': 'runs/a', frog: 'disc' }

const known = new Map((await allCommands()).map(command => [command.name(), optionNames(command)]))

/** The words that are run for a command of the documentation. */
function shortForm(words) {
  const [name] = words
  const options = known.get(name)
  const resumes = words.includes('--resume')
  const folders = /^(photos|photos\.csv|CheXpert.+|CamVid|\.\/.+|hundred)$/
  const args = words.map((word, i) => {
    if (word in INSTEAD) return INSTEAD[word]
    if (words[i - 1] !== '--dataset') return word
    if (word === 'cifar100') return 'hundred'
    return folders.test(word) ? word : 'synthetic'
  })
  const dataset = args[args.indexOf('--dataset') + 1]
  const chooses = name === 'train' && !resumes
  if (chooses && !args.includes('--dataset')) args.push('--dataset', 'synthetic')
  const sizes = options.has('--image-size') && !args.includes('--frames')
  if (sizes && args.includes('--dataset') && folders.test(dataset)) args.push(...SMALL_IMAGES)
  if (name === 'bench')
    args.push(...(args.slice(1).some(word => word.startsWith('densenet')) ? [] : ['densenet-40-12']))
  for (const [option, value] of Object.entries(LIMITS)) {
    if (!options.has(option) || (resumes && NOT_RESUMED.includes(option))) continue
    if (option === '--warmup-epochs' && !args.includes(option)) continue
    if (option === '--loader-threads' && name === 'serve') continue
    args.push(option, value)
  }
  return args
}

/** `runs/*` and `*.png` as a shell has them. */
function globbed(word, folder) {
  if (word === '*.png') return readdirSync(folder).filter(name => name.endsWith('.png'))
  if (!word.endsWith('/*')) return [word]
  return readdirSync(join(folder, word.slice(0, -2))).map(name => word.slice(0, -1) + name)
}

const wordsOf = command => [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c)

/** Starts a server, waits for its address, and ends it as Ctrl-C does. */
async function serve(args, cwd) {
  const server = run(process.execPath, [new URL('../../dist/cli/main.js', import.meta.url).pathname, ...args], cwd)
  for (let i = 0; i < 300 && !/https?:\/\/\S+/.test(server.output) && server.child.exitCode === null; i++)
    await sleep(100)
  const address = /https?:\/\/[^\s"']+/.exec(server.output)?.[0]
  const status =
    address &&
    (await fetch(address).then(
      ({ status }) => status,
      error => error.message,
    ))
  server.child.kill('SIGINT')
  const { code, output } = await server.ended
  const well = status === 200 && (code === 0 || code === 130)
  return { code: well ? 0 : 1, output: `${output}\n(${address} answered ${status}, the server ended with ${code})` }
}

async function runCommand(densenet, command, folder) {
  const [program, ...rest] = wordsOf(command)
  const words = (program === 'npx' ? rest.slice(1) : rest).flatMap(word => globbed(word, folder))
  if (!/^(npx densenet|densenet)( |$)/.test(command) || (words.length > 0 && !known.has(words[0]))) {
    return { as: command, code: 1, output: 'neither a command of densenet, nor in the table of what is not run' }
  }
  const short = words.length === 0 ? [] : shortForm(words)
  // Pages use the same names again.
  const output = words.includes('--resume') ? -1 : short.indexOf('--output')
  if (output >= 0 && words[0] === 'train') rmSync(join(folder, short[output + 1]), { recursive: true, force: true })
  const as = `densenet ${short.join(' ')}`
  const result =
    SERVERS.includes(words[0]) && !words.includes('--out') ? await serve(short, folder) : await densenet(short, folder)
  return { as, ...result }
}

const wanted = process.argv.slice(2)
const all = blocks('sh', 'bash', 'console', 'shell').flatMap(commandsOf)
// Of commands on one line the first that fails would end the line.
const single = all.flatMap(found => found.command.split(' && ').map(command => ({ ...found, command })))
const chosen = single.filter(({ command }) => wanted.every(word => command.includes(word)))
const program = startDensenet()
const made = await makeSandbox(program.densenet)
const done = new Set()
const counts = { run: 0, 'not run': 0, failed: 0 }
try {
  for (const page of new Set(chosen.map(found => found.page))) {
    const commands = chosen.filter(found => found.page === page)
    const folder = await copySandbox(made, commands)
    try {
      for (const { line, command } of commands) {
        const why = NOT_RUN.find(([pattern]) => pattern.test(command))?.[1]
        if (why !== undefined) counts['not run']++
        if (why !== undefined) console.log(`not run  ${page}:${line}  ${command}  (${why})`)
        const plain = command.replace(/^npx /, '')
        if (why !== undefined || done.has(plain)) continue
        done.add(plain)
        const { as, code, output } = await runCommand(program.densenet, command, folder)
        console.log(
          `${code === 0 ? 'ok      ' : 'FAILED  '} ${page}:${line}  ${command}${as === plain ? '' : `\n             as ${as}`}`,
        )
        if (code !== 0) console.log(output.replace(/^/gm, '             '))
        counts[code === 0 ? 'run' : 'failed']++
      }
    } finally {
      remove(folder)
    }
  }
} finally {
  program.end()
  remove(made)
}
console.log(
  Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', '),
)
if (counts.failed > 0 || counts.run === 0) process.exit(1)
