// Runs the AVX-512 kernels on a computer without AVX-512: Bochs emulates one that has it, as a whole, so it boots Linux.
//   node scripts/test-avx512.mjs [--required] [--keep]        (npm run test:avx512, on Linux on x64)
// Every conformance case runs there, as recorded here: recorded-cases.mjs, test/conformance/replay.cc. Where a tool is missing, or the processor has AVX-512 and `npm test` runs its kernels, this says so in one line and
// succeeds; --required makes a missing tool a failure. --keep leaves the folder with the console's output, for looking into.
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
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
const replay = join(root, 'native/build/linux-x64/replay')
const TOOLS = {
  'bochs-bin': 'bochs bochs-term bochsbios',
  'grub-mkrescue': 'grub-common grub-pc-bin',
  xorriso: 'xorriso',
  mformat: 'mtools',
  cpio: 'cpio',
  busybox: 'busybox-static',
}
/** Debian's package that depends on its current Linux, which is fetched and unpacked here, never installed. */
const KERNEL = 'linux-image-amd64'
const kernelFolder = join(root, 'node_modules/.cache/avx512')
/** It takes four of a core. */
const MOST_MINUTES = 20

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

/** The file of Linux itself. */
function kernel() {
  const find = () => {
    const boot = join(kernelFolder, 'boot')
    const name = existsSync(boot) && readdirSync(boot).find(name => name.startsWith('vmlinuz'))
    return name ? join(boot, name) : null
  }
  if (find()) return find()
  mkdirSync(kernelFolder, { recursive: true })
  const name = /Depends: (linux-image-\S+)/.exec(must('apt-cache', ['depends', KERNEL]))?.[1]
  if (!name) end(`error: apt-cache knows no ${KERNEL}: apt-get update`, 1)
  must('apt-get', ['download', name], { cwd: kernelFolder })
  const file = readdirSync(kernelFolder).find(file => file.startsWith(`${name}_`))
  must('dpkg-deb', ['--extract', file, '.'], { cwd: kernelFolder })
  return find()
}

/** What Linux needs to read a hard disk. The firmware's way, which Grub goes, takes a second a megabyte. */
const MODULES = [
  ...['crypto/crct10dif_common', 'lib/crc-t10dif', 'lib/crc64', 'lib/crc64-rocksoft', 'block/t10-pi'],
  ...[
    'drivers/scsi/scsi_common',
    'drivers/scsi/scsi_mod',
    'drivers/ata/libata',
    'drivers/ata/ata_piix',
    'drivers/scsi/sd_mod',
  ],
].map(name => `${name}.ko`)

/** The program with the libraries that it needs, and what reads a disk: all that there is in that computer's memory. */
function fillMemory(disk) {
  for (const name of ['bin', 'dev', 'proc']) mkdirSync(join(disk, name), { recursive: true })
  const put = (file, to = file) => {
    mkdirSync(join(disk, dirname(to)), { recursive: true })
    copyFileSync(file, join(disk, to))
  }
  put(must('which', ['busybox']).trim(), 'bin/busybox')
  put(replay, 'bin/replay')
  for (const [, library] of must('ldd', [replay]).matchAll(/(\/\S+) \(0x/g)) put(library)
  const [version] = readdirSync(join(kernelFolder, 'lib/modules'))
  for (const module of MODULES) put(join(kernelFolder, 'lib/modules', version, 'kernel', module), module)
  writeFileSync(
    join(disk, 'init'),
    `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
exec >/dev/ttyS0 2>&1
for module in ${MODULES.join(' ')}; do /bin/busybox insmod /$module; done
until [ -b /dev/sda ]; do /bin/busybox sleep 0.1; done
/bin/replay /dev/sda avx512
/bin/busybox dmesg | /bin/busybox tail -1
/bin/busybox sleep 1 # the console is slower than this computer ends
/bin/busybox poweroff -f
`,
  )
  chmodSync(join(disk, 'init'), 0o755)
}

/** A CD that boots Linux. */
function makeCd() {
  const grub = join(folder, 'cd/boot/grub')
  mkdirSync(grub, { recursive: true })
  copyFileSync(kernel(), join(folder, 'cd/boot/vmlinuz'))
  fillMemory(join(folder, 'memory'))
  must('sh', ['-c', 'cd memory && find . | cpio -o -H newc --quiet >../cd/boot/initrd'], { cwd: folder })
  // Linux finds the sizes inconsistent that this processor reports for XSAVEC and XSAVES, and would do without AVX.
  const options = 'console=ttyS0 quiet loglevel=1 mitigations=off tsc=reliable clearcpuid=321,323'
  writeFileSync(
    join(grub, 'grub.cfg'),
    `set timeout=0\nmenuentry x {\nlinux /boot/vmlinuz ${options}\ninitrd /boot/initrd\n}\n`,
  )
  must('grub-mkrescue', ['-o', 'cd.iso', 'cd'], { cwd: folder })
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
