// Builds the native backend: node-gyp on native/binding.gyp, with the headers of npm's node-api-headers. Never downloads.
//   node scripts/build-native.mjs [--sanitize | --arm64] [--required]
// Without a compiler it says so in one warning and succeeds, because everything works on the reference backend;
// --required makes that a failure. --sanitize builds native/build-sanitize with AddressSanitizer and UBSan, --arm64
// native/build-arm64 with Debian's cross compiler.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const native = join(root, 'native')
const sanitize = process.argv.includes('--sanitize')
const arm64 = process.argv.includes('--arm64')
const required = process.argv.includes('--required')
const cross = { CC: 'aarch64-linux-gnu-gcc', CXX: 'aarch64-linux-gnu-g++', AR: 'aarch64-linux-gnu-ar' }
const env = arm64 ? { ...process.env, ...cross } : process.env

const works = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0
const missing = [
  works(env.CXX ?? 'g++', '--version') || (!arm64 && works('clang++', '--version'))
    ? null
    : `a C++ compiler (${arm64 ? cross.CXX : 'g++'})`,
  works('make', '--version') ? null : 'make',
  works(process.env.PYTHON ?? 'python3', '--version') ? null : 'python3',
].filter(Boolean)

function giveUp(why) {
  console.error(
    `warning: the native backend was not built: ${why}. Everything works on the reference backend, hundreds of times slower. ` +
      `On Debian or Ubuntu: apt-get install g++ make python3, then: npm run build:native`,
  )
  process.exit(required ? 1 : 0)
}

if (process.platform === 'win32') giveUp('it needs GCC or Clang; on Windows use WSL')
if (missing.length > 0) giveUp(`${missing.join(' and ')} not found`)

// gyp writes its build folder beside binding.gyp; the other builds work on copies so that all can exist.
const copy = sanitize ? 'build-sanitize' : arm64 ? 'build-arm64' : ''
const source = join(native, copy)
if (copy) {
  rmSync(source, { recursive: true, force: true })
  mkdirSync(source)
  for (const name of readdirSync(native).filter(name => !name.startsWith('build'))) {
    cpSync(join(native, name), join(source, name), { recursive: true })
  }
}
const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')
const run = (...args) => {
  const options = ['--silent', `--nodedir=${join(native, 'nodedir')}`, '-C', source, ...(arm64 ? ['--arch=arm64'] : [])]
  const result = spawnSync(process.execPath, [nodeGyp, ...options, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    cwd: root,
    env,
  })
  if (result.status !== 0) giveUp('the compiler failed (its messages are above)')
}
const runsAvx512 =
  !sanitize || !existsSync('/proc/cpuinfo') || /\bavx512f\b/.test(readFileSync('/proc/cpuinfo', 'utf8'))
run(
  'configure',
  '--',
  `-Droot=${root}`,
  `-Dsanitize=${sanitize ? 'address,undefined' : 'none'}`,
  `-Druns_avx512=${Number(runsAvx512)}`,
)
run('build', '-j', 'max')
