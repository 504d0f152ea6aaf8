// Files that claim or unfold to be huge are refused in a sentence, within bounded time and memory: each is read in a process
// of its own, whose peak is measured.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../training/fixtures.js'
import { ARCHIVES, DATA } from './data-files.js'
import type { Hostile } from './hostile-file.js'
import { IMAGES } from './image-files.js'
import { WEIGHTS } from './weight-files.js'

const folder = temporaryFolder()
const READ = fileURLToPath(new URL('read.mjs', import.meta.url))
const SECONDS = 60
const MEGABYTES = 150

interface Facts {
  readonly refused: boolean
  readonly isSentence: boolean
  readonly message: string
  readonly megabytes: number
}

async function fileOf({ make }: Hostile, name: string): Promise<string> {
  const made = await make()
  if (typeof made === 'string') return made
  const path = join(folder, name)
  if (typeof made === 'function') made(path)
  else writeFileSync(path, made)
  return path
}

function read(kind: string, file: string): Promise<Facts> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [READ, kind, file], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 1000 * SECONDS,
      killSignal: 'SIGKILL',
    })
    let out = ''
    child.stdout.setEncoding('utf8').on('data', text => {
      out += text
    })
    child.on('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(out))
      else reject(new Error(`it ended with ${code ?? signal}`))
    })
  })
}

test.each([...WEIGHTS, ...IMAGES, ...ARCHIVES, ...DATA].map((hostile, i) => [hostile.name, hostile, i] as const))(
  '%s',
  async (_, hostile, i) => {
    const name = `${hostile.kind}-${i}`
    const path = await fileOf(hostile, name)
    if (path.startsWith('/dev/') && !existsSync(path)) return
    const { refused, isSentence, message, megabytes } = await read(hostile.kind, path)
    expect(isSentence, message).toBe(true)
    expect(refused ? message : null).toEqual(hostile.message === null ? null : expect.stringMatching(hostile.message))
    expect(megabytes).toBeLessThan(hostile.megabytes ?? MEGABYTES)
    if (hostile.kind !== 'tar') return
    // Nothing but the file that is wanted, with the content of the first, and nowhere else.
    const unpacked = join(folder, `${name}.out`)
    expect(existsSync(unpacked) ? readdirSync(unpacked) : []).toEqual(refused ? [] : ['wanted.bin'])
    if (!refused) expect(readFileSync(join(unpacked, 'wanted.bin'), 'latin1')).toBe('a'.repeat(16))
    expect(readdirSync(folder).filter(file => /evil|^wanted/.test(file))).toEqual([])
  },
)
