// A project of the playground, a zip, as a folder on the disk: its run is then a run like any other, on its own pictures.
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { DenseNetError, usageError } from '../errors.js'
import { LAST_FILE } from '../fitting/run-files.js'
import { CONFIG_FILE } from '../fitting/settings.js'
import { fileOfRun, PICTURES_FOLDER, projectPlace, RUN_FOLDER } from '../interop/project-archive.js'
import { readZip } from '../interop/zip.js'
import { fileError } from '../node/files.js'

/** Unpacks it beside the archive, whole or not at all; resolves to the run's folder. */
export async function unpackProject(archive: string): Promise<string> {
  const bytes = await readFile(archive).catch(error => {
    throw fileError(error, `reading ${archive}`)
  })
  const entries = readZip(bytes, archive)
  const place = projectPlace(entries.keys())
  if (place === null) throw usageError(`${archive} is no project of the playground: it has no project.json`)
  if (!fileOfRun(entries, LAST_FILE)) {
    throw usageError(
      `${archive} holds no run to go on with`,
      'train in the playground first, and save the project again',
    )
  }
  const folder = archive.replace(/\.zip$/i, '')
  const run = join(folder, RUN_FOLDER.slice(0, -1))
  if (await stat(folder).catch(() => null)) {
    throw usageError(
      `${folder} is there already`,
      `if it is this project: densenet train --resume ${run}; else move it away`,
    )
  }
  const temporary = await mkdtemp(`${folder}.unpacking-`).catch(error => {
    throw fileError(error, `unpacking ${archive}`)
  })
  try {
    for (const [name, entry] of entries) {
      if (!name.startsWith(place)) continue
      const file = join(temporary, name.slice(place.length))
      await mkdir(dirname(file), { recursive: true })
      const isConfig = name === `${place}${RUN_FOLDER}${CONFIG_FILE}`
      await writeFile(file, isConfig ? atHome(entry.read(), folder, `${archive}: ${name}`) : entry.read())
    }
    await rename(temporary, folder)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw fileError(error, `unpacking ${archive}`)
  }
  return run
}

/** Settings of a run from a browser: where its pictures are here, and on the best backend that there is. */
function atHome(config: Uint8Array, folder: string, name: string): string {
  let settings: object
  try {
    settings = JSON.parse(new TextDecoder().decode(config))
  } catch (cause) {
    throw new DenseNetError(`${name} is damaged: it is not JSON`, { cause })
  }
  const dataset = resolve(folder, PICTURES_FOLDER)
  return `${JSON.stringify({ ...settings, dataset, backend: 'auto' }, null, 2)}\n`
}
