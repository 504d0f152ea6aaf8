// A project of the playground becomes a folder, whole or not at all; what is none is said so.
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Zippable, zipSync } from 'fflate'
import { expect, test } from 'vitest'
import { unpackProject } from '../../dist/entries/runs.js'

const text = (content: string): Uint8Array => new TextEncoder().encode(content)
const PROJECT = {
  'project.json': text('{}'),
  'run/config.json': text('{"format":1,"dataset":"pictures","backend":"wasm"}'),
  'run/last.safetensors': text('weights'),
  'pictures/train/cat/a.jpg': text('a cat'),
}

function archiveOf(files: Zippable): string {
  const file = join(mkdtempSync(join(tmpdir(), 'densenet-project-')), 'pets.zip')
  writeFileSync(file, zipSync(files))
  return file
}

test.each([
  ['as it was saved', PROJECT],
  ['unpacked once and zipped with its folder', { pets: PROJECT }],
])('%s: its run is on its own pictures, wherever it lies', async (_, files) => {
  const archive = archiveOf(files)
  const folder = archive.replace('.zip', '')
  expect(await unpackProject(archive)).toBe(join(folder, 'run'))
  expect(readFileSync(join(folder, 'pictures/train/cat/a.jpg'), 'utf8')).toBe('a cat')
  const dataset = join(folder, 'pictures')
  const config = { format: 1, dataset, backend: 'auto' }
  expect(JSON.parse(readFileSync(join(folder, 'run/config.json'), 'utf8'))).toEqual(config)
  await expect(unpackProject(archive)).rejects.toThrow(`${folder} is there already`)
})

test.each<[string, Zippable, string]>([
  ['no project', { 'a.txt': text('a') }, 'is no project of the playground'],
  ['nothing trained', { 'project.json': text('{}') }, 'holds no run to go on with'],
  ['a name that leads out of it', { ...PROJECT, '../a.txt': text('a') }, 'which is refused'],
  ['damaged settings', { ...PROJECT, 'run/config.json': text('no JSON') }, 'JSON'],
])('%s: nothing is left behind', async (_, files, message) => {
  const archive = archiveOf(files)
  await expect(unpackProject(archive)).rejects.toThrow(message)
  expect(readdirSync(join(archive, '..'))).toEqual(['pets.zip'])
})
