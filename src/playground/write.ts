// The playground as a folder, for any host of files.
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { usageError } from '../errors.js'
import { fileError } from '../node/files.js'
import { playgroundFiles } from './files.js'

/** Writes its files into a new or empty folder; resolves to how many bytes they are. */
export async function writePlayground(folder: string): Promise<number> {
  const files = await playgroundFiles()
  if ((await readdir(folder).catch(() => [])).length > 0) {
    throw usageError(`${folder} is not empty`, 'name a new folder')
  }
  try {
    for (const [name, bytes] of files) {
      const path = join(folder, name)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, bytes)
    }
  } catch (error) {
    throw fileError(error, `writing to ${folder}`)
  }
  return [...files.values()].reduce((sum, { length }) => sum + length, 0)
}
