// Runs the AVX-512 kernels on a computer without AVX-512: Bochs emulates one that has it, as a whole.
//   node scripts/test-avx512.mjs [--required] [--keep]        (npm run test:avx512, on Linux on x64)
// Every conformance case runs there, as recorded here: recorded-cases.mjs, test/conformance/replay.cc. Where a tool is missing, or the
// processor has AVX-512 and `npm test` runs its kernels, this says so in one line and succeeds; --required makes a missing tool a
// failure. --keep leaves the folder with the console's output, for looking into.
import { spawn, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { recordedCases } from './recorded-cases.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const built = name => join(root, 'native/build', name)
const TOOLS = {
  cc: 'gcc libc6-dev',
  'bochs-bin': 'bochs bochs-term bochsbios',
  'grub-mkrescue': 'grub-common grub-pc-bin',
  xorriso: 'xorriso',
  mformat: 'mtools',
}
/** It takes one of a core. */
const MOST_MINUTES = 10

const required = process.argv.includes('--required')
function end(what, code) {
  if (code === 0) console.log(what)
  else console.error(what)
  process.exit(code)
}
const run = (program, args, options = {}) => spawnSync(program, args, { encoding: 'utf8', ...options })
function must(program, args, options) {
  const { status, stdout, stderr, error } = run(program, args, options)
  if (status !== 0) end(`error: ${program} failed: ${error?.message ?? stderr.trim()}`, 1)
  return stdout
}

/** Why it cannot be tested here, or nothing. */
function obstacle() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'this machine is not Linux on x64'
  const missing = Object.keys(TOOLS).filter(tool => run('which', [tool]).status !== 0)
  const packages = missing.map(tool => TOOLS[tool]).join(' ')
  if (missing.length > 0)
    return `${missing.join(', ')} not found; on Debian: apt-get install --no-install-recommends ${packages}`
  return ''
}

/** A CD that boots the program that replays, on what it takes for Linux: test/conformance/bare. */
function makeCd() {
  const cd = join(folder, 'cd')
  mkdirSync(join(cd, 'boot/grub'), { recursive: true })
  copyFileSync(built('bare/bare'), join(cd, 'bare'))
  copyFileSync(built('linux-x64/replay'), join(cd, 'replay'))
  writeFileSync(join(cd, 'boot/grub/grub.cfg'), 'multiboot /bare\nmodule /replay replay /dev/sda avx512 1\nboot\n')
  // Little else: it is read by the firmware, which takes a second a megabyte.
  const little = ['--install-modules=multiboot', '--fonts=', '--locales=', '--themes=']
  must('grub-mkrescue', [...little, '-o', 'cd.iso', 'cd'], { cwd: folder })
}

/** A disk that holds the cases and nothing else. */
function makeDisk(cases) {
  const disk = join(folder, 'disk')
  copyFileSync(cases, disk)
  const cylinder = 16 * 63 * 512
  truncateSync(disk, Math.ceil(statSync(disk).size / cylinder) * cylinder)
}

/** What the emulated computer wrote to its console until it was switched off. */
async function boot() {
  // Nobody reads the screen: when 4 KB were drawn on it Bochs would wait for ever. So it is drawn once in so many instructions.
  const settings = `display_library: term
memory: guest=1024, host=1024
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
vga: update_freq=1
cpu: model=corei7_skylake_x, count=1, ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=1
boot: cdrom
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path=disk, mode=flat
ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15
ata1-master: type=cdrom, path=cd.iso, status=inserted
com1: enabled=1, mode=file, dev=console
log: bochs.log
`
  writeFileSync(join(folder, 'bochsrc'), settings)
  writeFileSync(join(folder, 'commands'), 'continue\n') // Debian's Bochs is the one with the debugger
  const bochs = spawn('bochs-bin', ['-q', '-f', 'bochsrc', '-rc', 'commands'], {
    cwd: folder,
    stdio: 'ignore',
    env: { ...process.env, TERM: 'xterm' },
    timeout: 60_000 * MOST_MINUTES,
    killSignal: 'SIGKILL', // it outlives others
  })
  const stop = () => bochs.kill('SIGKILL')
  process.on('exit', stop)
  await new Promise(resolve => bochs.on('exit', resolve))
  process.off('exit', stop)
  const console = join(folder, 'console')
  return existsSync(console) ? readFileSync(console, 'utf8') : ''
}

const what = 'the avx512 kernels on an emulated processor with AVX-512'
if (process.platform === 'linux' && /\bavx512f\b/.test(readFileSync('/proc/cpuinfo', 'utf8'))) {
  end(`skipped: ${what}: this processor has AVX-512, npm test runs them`, 0)
}
const why = obstacle()
if (why) end(required ? `error: cannot test ${what}: ${why}` : `skipped: ${what}: ${why}`, required ? 1 : 0)
// Otherwise a Ctrl-C would end this without its exit listeners.
process.on('SIGINT', () => process.exit(130))
const folder = mkdtempSync(join(tmpdir(), 'densenet-avx512-'))
if (process.argv.includes('--keep')) console.log(`in ${folder}`)
else process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

must(process.execPath, ['scripts/build-native.mjs', '--replay'], { cwd: root })
const { path, named } = await recordedCases()
makeDisk(path)
makeCd()
const printed = await boot()
const results = /^avx512: (\d+) passed, (\d+) failed/m.exec(printed)
const lines = printed.split(/\r?\n/).filter(line => /^(avx512|failed): /.test(line))
console.log(named(lines.slice(-20).join('\n')))
if (!results) end(`error: ${what}: they never ended; the last lines of its console:\n${printed.slice(-2000)}`, 1)
const passed = results[2] === '0' && Number(results[1]) > 0
end(`${passed ? 'passed' : 'failed'}: ${what}`, passed ? 0 : 1)
