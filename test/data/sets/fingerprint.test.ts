// The same data set has the same fingerprint wherever it lies; every change that a training would notice gives another.
import { cpSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fingerprint } from '../../../dist/data/sets/fingerprint.js'
import { imageFiles } from '../../../dist/data/sets/image-files.js'
import { tinyDataset } from '../../training/fixtures.js'
import { temporaryFolder } from '../tiny.js'

const LARGE = 40_000

test('of images in memory: every byte and label counts, and the order of the splits', async () => {
  const [a, b] = [tinyDataset('train', LARGE), tinyDataset('test', 10)]
  const first = await fingerprint([a, b])
  expect(first).toMatch(/^[0-9a-f]{64}$/)
  expect(await fingerprint([tinyDataset('train', LARGE), b])).toBe(first)
  expect(await fingerprint([b, a])).not.toBe(first)
  expect(await fingerprint([a])).not.toBe(first)
  for (const change of [() => a.images.fill(a.images.at(-1)! ^ 1, -1), () => a.labels.fill(a.labels[5]! ^ 1, 5, 6)]) {
    const before = await fingerprint([a, b])
    change()
    expect(await fingerprint([a, b])).not.toBe(before)
  }
  expect(await fingerprint([{ ...b, classes: ['red', 'green', 'violet'] }])).not.toBe(await fingerprint([b]))
})

test('of image files: names, sizes and classes count, not where the folder is', async () => {
  const root = await temporaryFolder()
  const folder = join(root, 'photos')
  for (const name of ['train/a/1.png', 'train/a/2.png', 'train/b/3.png', 'val/a/4.png', 'val/b/5.png']) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), name.repeat(3))
  }
  const of = async (path: string): Promise<string> => {
    const { train, test } = await imageFiles(path, { size: 8 })
    return fingerprint([train, test])
  }
  const first = await of(folder)
  cpSync(folder, join(root, 'moved'), { recursive: true })
  expect(await of(join(root, 'moved'))).toBe(first)
  const changes: ((copy: string) => void)[] = [
    copy => renameSync(join(copy, 'train/a/1.png'), join(copy, 'train/a/0.png')),
    copy => renameSync(join(copy, 'train/a/1.png'), join(copy, 'train/b/1.png')),
    copy => renameSync(join(copy, 'train/a/1.png'), join(copy, 'val/a/1.png')),
    copy => truncateSync(join(copy, 'val/b/5.png'), 3),
    copy => rmSync(join(copy, 'train/a/2.png')),
  ]
  for (const [i, change] of changes.entries()) {
    const copy = join(root, `changed-${i}`)
    cpSync(folder, copy, { recursive: true })
    change(copy)
    expect(await of(copy), `change ${i}`).not.toBe(first)
  }
})
