// Packs what npm would publish and checks it: no install scripts, everything a user needs, nothing else; publint and
// arethetypeswrong on the packed file. Of the native builds it holds those that are there: `npm publish` makes all of them.
//   npm run lint:package
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'densenet-package-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
const json = JSON.parse(execFileSync('npm', pack, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }))
const [{ files, filename, size, unpackedSize }] = Array.isArray(json) ? json : Object.values(json)
const paths = files.map(({ path }) => path)
const MOST_BYTES = 8e6
const { scripts, exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

/** Of an entry, under all conditions. */
const filesOf = entry => (typeof entry === 'string' ? [entry] : Object.values(entry).flatMap(filesOf))

const problems = [
  ...['preinstall', 'install', 'postinstall'].filter(name => name in scripts).map(name => `it has a script "${name}"`),
  ...[
    'README.md',
    'LICENSE',
    ...filesOf(exports).map(path => path.slice('./'.length)),
    'dist/cli/main.js',
    'dist/dashboard/page/index.html',
    'dist/server/page/script.js',
    'dist/playground/page/index.html',
    'models/cifar10/model.safetensors',
    'native/build/wasm32-simd/densenet.wasm',
    'native/build/wasm32-relaxed/densenet.wasm',
  ]
    .filter(path => !paths.includes(path))
    .map(path => `it lacks ${path}`),
  ...(size > MOST_BYTES ? [`its ${size} bytes are more than ${MOST_BYTES}`] : []),
  ...paths
    .filter(path => /^(test|bench|node_modules|\.ci)\/|build-sanitize|\.o$|\.a$|\.map$/.test(path))
    .map(path => `it holds ${path}`),
]
for (const problem of problems) console.error(`error: the package is not as it should be: ${problem}`)
if (problems.length > 0) process.exit(1)
console.log(
  `package: ${paths.length} files, ${(size / 1e6).toFixed(1)} MB, ${(unpackedSize / 1e6).toFixed(1)} unpacked, no install script`,
)

const tarball = join(folder, filename)
for (const [tool, ...words] of [
  ['publint', 'run', tarball, '--strict'],
  // Modules of WebAssembly have no types.
  ['attw', tarball, '--profile', 'esm-only', '--exclude-entrypoints', 'relaxed.wasm', 'simd.wasm'],
]) {
  try {
    execFileSync('npx', ['--no', tool, ...words], { stdio: 'inherit' })
  } catch {
    console.error(`error: the package is not as it should be: see what ${tool} says`)
    process.exit(1)
  }
}
