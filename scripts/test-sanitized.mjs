// Runs the kernels under AddressSanitizer and UndefinedBehaviorSanitizer: every conformance case on every instruction
// set of this processor, and short trainings of odd nets. Any report is a failure.
//   node scripts/test-sanitized.mjs [--no-build] [more arguments for vitest]     (npm run test:sanitize)
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { recordedCases } from './recorded-cases.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const addon = join(root, 'native/build-sanitize/densenet.node')
const replay = join(root, 'native/build-sanitize/replay')
const args = process.argv.slice(2)
const more = args.filter(arg => arg !== '--no-build')

/** They look at code and object files and run no kernel. */
const STATIC = ['objects', 'element'].flatMap(name => ['--exclude', `test/native/${name}.test.ts`])

function fail(why) {
  console.error(`error: ${why}`)
  process.exit(1)
}

function run(program, programArgs, options = {}) {
  const { status, error } = spawnSync(program, programArgs, { stdio: 'inherit', cwd: root, ...options })
  if (error) fail(error.message)
  return status === 0
}

if (!args.includes('--no-build')) {
  rmSync(addon, { force: true })
  if (!run(process.execPath, ['scripts/build-native.mjs', '--sanitize'])) fail('the build failed')
}
if (!existsSync(addon)) fail(`there is no ${addon}`)

// Node itself is not sanitized: for it the sanitizer's runtime must be there before it.
const compiler = process.env.CXX ?? 'g++'
const libasan = spawnSync(compiler, ['-print-file-name=libasan.so'], { encoding: 'utf8' }).stdout?.trim() ?? ''
if (!isAbsolute(libasan)) fail(`${compiler} has no libasan.so (on Debian and Ubuntu it comes with g++)`)

const folder = mkdtempSync(join(tmpdir(), 'densenet-sanitize-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const { path: cases, named } = await recordedCases()
const reports = join(folder, 'reports')
mkdirSync(reports)
const common = `log_path=${join(reports, 'report')}:halt_on_error=1:abort_on_error=0:exitcode=99`
const env = {
  ...process.env,
  CI: 'true', // an addon that cannot be loaded is then a failure
  DENSENET_NATIVE: addon,
  DENSENET_SANITIZED: '1',
  // Node frees little at its end; buffers too large for the machine are refused, as without the sanitizer.
  ASAN_OPTIONS: `${common}:detect_leaks=0:allocator_may_return_null=1:detect_odr_violation=0`,
  UBSAN_OPTIONS: `${common}:print_stacktrace=1`,
}
function conforms() {
  const { status, stdout, stderr } = spawnSync(replay, [cases], { encoding: 'utf8', env })
  console.log(named(`${stdout}${stderr}`.trim()))
  return status === 0
}
const passed =
  conforms() &&
  run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'test/native', ...STATIC, ...more], {
    env: { ...env, LD_PRELOAD: libasan },
  })
const found = readdirSync(reports)
for (const name of found) console.error(readFileSync(join(reports, name), 'utf8'))
if (found.length > 0) fail(`the sanitizers made ${found.length} report${found.length > 1 ? 's' : ''} (above)`)
if (!passed) fail('the tests failed under the sanitizers')
console.log('sanitizers: no report')
