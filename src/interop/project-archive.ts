// What lies where in a project of the playground, a zip: project.json, the run as its folder, pictures in folders.
import type { ZipEntry } from './zip.js'

export const RUN_FOLDER = 'run/'
export const PICTURES_FOLDER = 'pictures/'
const PROJECT_FILE = 'project.json'

/** The folder that everything is in, with its slash: none, or the one that was made of it when it was unpacked and zipped
 * again. null: it is no such archive. */
export function projectPlace(names: Iterable<string>): string | null {
  for (const name of names) if (/^([^/]+\/)?project\.json$/.test(name)) return name.slice(0, -PROJECT_FILE.length)
  return null
}

/** The file of the run with that name; undefined: there is none, or it is no project. */
export function fileOfRun(entries: ReadonlyMap<string, ZipEntry>, name: string): ZipEntry | undefined {
  const place = projectPlace(entries.keys())
  return place === null ? undefined : entries.get(place + RUN_FOLDER + name)
}
