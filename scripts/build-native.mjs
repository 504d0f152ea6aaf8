// Builds the native backend: node-gyp on native/binding.gyp, with the headers of npm's node-api-headers. Never downloads.
//   node scripts/build-native.mjs [--sanitize] [--required]
// Without a compiler it says so in one warning and succeeds, because everything works on the reference backend;
// --required makes that a failure. --sanitize builds native/build-sanitize with AddressSanitizer and UBSan.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const native = join(root, 'native')
const sanitize = process.argv.includes('--sanitize')
const required = process.argv.includes('--required')

const works = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0
const missing = [
  works(process.env.CXX ?? 'g++', '--version') || works('clang++', '--version') ? null : 'a C++ compiler (g++)',
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

// gyp writes its build folder beside binding.gyp; the sanitized build works on a copy so that both can exist.
const source = sanitize ? join(native, 'build-sanitize') : native
if (sanitize) {
  rmSync(source, { recursive: true, force: true })
  mkdirSync(source)
  for (const name of [
    'addon.cc',
    'binding.gyp',
    'dispatch.cc',
    'dispatch.h',
    'kernels',
    'memory.cc',
    'memory.h',
    'nodedir',
    'program.cc',
    'program.h',
    'thread_pool.cc',
    'thread_pool.h',
  ]) {
    cpSync(join(native, name), join(source, name), { recursive: true })
  }
}
const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')
const run = (...args) => {
  const options = ['--silent', `--nodedir=${join(native, 'nodedir')}`, '-C', source]
  const result = spawnSync(process.execPath, [nodeGyp, ...options, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    cwd: root,
  })
  if (result.status !== 0) giveUp('the compiler failed (its messages are above)')
}
run('configure', '--', `-Droot=${root}`, `-Dsanitize=${sanitize ? 'address,undefined' : 'none'}`)
run('build', '-j', 'max')
