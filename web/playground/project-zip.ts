// A project as one zip, out and in: pictures in folders as `densenet train` reads them, the run as its folder, the network
// that it began with. Pictures that were added to the archive elsewhere come in with the others.
import { Zip, ZipPassThrough } from 'fflate'
import { usageError } from '../../src/errors.js'
import { splitNamed } from '../../src/images/names.js'
import { PICTURES_FOLDER, projectPlace, RUN_FOLDER } from '../../src/interop/project-archive.js'
import { readZip } from '../../src/interop/zip.js'
import { plural } from '../format.js'
import { lookAtBase } from './network.js'
import { say } from './notice.js'
import {
  addClass,
  addPictures,
  BASE_FILE,
  base,
  classes,
  clearProject,
  described,
  history,
  kept,
  PROJECT_FILE,
  pictures,
  projectName,
  type Training,
} from './project.js'
import { keep, readKept } from './store.js'
import { openTaught, runFiles } from './trainings.js'

const TYPES: Readonly<Record<string, string>> = {
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  gif: 'image/gif',
}
/** Of an archive without 64-bit sizes. */
const MOST_BYTES = 2 ** 32 - 1

export async function exportProject(): Promise<Blob> {
  const parts: [string, Blob][] = [[PROJECT_FILE, new Blob([JSON.stringify(described(), null, 2)])]]
  for (const [name, file] of await runFiles()) if (!name.endsWith('.new')) parts.push([RUN_FOLDER + name, file])
  const network = base.value && (await readKept(BASE_FILE))
  if (network) parts.push([BASE_FILE, network])
  for (const { label, file, heldOut, image } of pictures.value) {
    parts.push([`${PICTURES_FOLDER}${heldOut ? 'val' : 'train'}/${label}/${file}`, image])
  }
  const total = parts.reduce((sum, [, { size }]) => sum + size, 0)
  if (total > MOST_BYTES) throw usageError('the project has more than the 4 GB that go into one zip', 'remove pictures')
  return zipped(parts)
}

/** As they are: pictures and weights hardly get smaller. */
async function zipped(files: readonly (readonly [string, Blob])[]): Promise<Blob> {
  const pieces: Uint8Array<ArrayBuffer>[] = []
  let failed: Error | null = null
  const zip = new Zip((error, piece) => {
    failed ??= error
    pieces.push(piece as Uint8Array<ArrayBuffer>)
  })
  for (const [name, content] of files) {
    const entry = new ZipPassThrough(name)
    zip.add(entry)
    entry.push(new Uint8Array(await content.arrayBuffer()), true)
  }
  zip.end()
  if (failed) throw failed
  return new Blob(pieces, { type: 'application/zip' })
}

/** In place of the project that there is. */
export async function importProject(file: File): Promise<void> {
  const entries = readZip(new Uint8Array(await file.arrayBuffer()), file.name)
  const place = projectPlace(entries.keys())
  if (place === null) throw usageError(`${file.name} is no project of the playground: it has no ${PROJECT_FILE}`)
  const read = (name: string): Uint8Array<ArrayBuffer> | undefined =>
    entries.get(place + name)?.read() as Uint8Array<ArrayBuffer> | undefined
  const facts = JSON.parse(new TextDecoder().decode(read(PROJECT_FILE))) as ReturnType<typeof described>
  if (facts.version !== 1) throw usageError(`${file.name} is of version ${facts.version}, this page reads version 1`)
  if (pictures.value.length > 0 && !confirm(`Replace ${projectName.value} by ${facts.name}?`)) return
  await clearProject()
  projectName.value = facts.name
  const found = new Map(facts.classes.map(label => [label, [] as { file: File; heldOut: boolean }[]]))
  for (const [path, entry] of entries) {
    const [split, label, ...rest] = path.startsWith(place + PICTURES_FOLDER)
      ? path.slice(place.length + PICTURES_FOLDER.length).split('/')
      : []
    const name = rest.at(-1)
    const type = TYPES[name?.split('.').at(-1)?.toLowerCase() ?? '']
    if (label === undefined || name === undefined || type === undefined || name.startsWith('.')) continue
    const files = found.get(label) ?? []
    const picture = new File([entry.read() as Uint8Array<ArrayBuffer>], name, { type })
    files.push({ file: picture, heldOut: splitNamed(split!) !== 'train' })
    found.set(label, files)
  }
  const refused: string[] = []
  for (const [label, files] of found) {
    const name = classes.value.includes(label) ? label : addClass(label)!
    for (const { file, heldOut } of files) refused.push(...(await addPictures(name, [file], heldOut)).refused)
  }
  const network = read(BASE_FILE)
  if (network) await keep(BASE_FILE, network)
  base.value = network ? facts.base : null
  history.value = await runOf(facts.history, entries.keys(), place, read)
  await kept()
  await Promise.all([openTaught(), lookAtBase()])
  const more = refused.length > 0 ? `; ${plural(refused.length, 'file')} cannot be read: ${refused[0]}` : ''
  say(`${facts.name}: ${plural(pictures.value.length, 'picture')}${more}`)
}

/** The last training, whose run is in the archive; those before it are remembered only. */
async function runOf(
  history: readonly Training[],
  names: Iterable<string>,
  place: string,
  read: (name: string) => Uint8Array<ArrayBuffer> | undefined,
): Promise<readonly Training[]> {
  const last = history.at(-1)
  if (!last) return []
  for (const name of names) {
    const file = name.startsWith(place + RUN_FOLDER) ? name.slice(place.length + RUN_FOLDER.length) : ''
    if (file !== '' && !file.includes('/')) await keep(`${last.run}/${file}`, read(RUN_FOLDER + file)!)
  }
  return history
}
