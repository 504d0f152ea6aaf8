// What is kept in the origin's private file system: files in folders, under paths with slashes between the names.
const ROOT = 'playground'

async function folderOf(path: string, create: boolean): Promise<[folder: FileSystemDirectoryHandle, name: string]> {
  const names = `${ROOT}/${path}`.split('/')
  const name = names.pop()!
  let folder = await navigator.storage.getDirectory()
  for (const step of names) folder = await folder.getDirectoryHandle(step, { create })
  return [folder, name]
}

/** Where a run is kept, as `fit` wants to be told. */
export const runFolder = (name: string): string => `${ROOT}/${name}`

const missing = (error: unknown): null => {
  if ((error as DOMException).name === 'NotFoundError') return null
  throw error
}

/** null: there is none. */
export async function readKept(path: string): Promise<File | null> {
  try {
    const [folder, name] = await folderOf(path, false)
    return await (await folder.getFileHandle(name)).getFile()
  } catch (error) {
    return missing(error)
  }
}

export async function keep(path: string, content: Blob | string | Uint8Array<ArrayBuffer>): Promise<void> {
  const [folder, name] = await folderOf(path, true)
  const file = await (await folder.getFileHandle(name, { create: true })).createWritable()
  await file.write(content)
  await file.close()
}

/** A file, or a folder with all that is in it. */
export async function forget(path: string): Promise<void> {
  try {
    const [folder, name] = await folderOf(path, false)
    await folder.removeEntry(name, { recursive: true })
  } catch (error) {
    missing(error)
  }
}

/** The files of a folder, by name; none where there is no folder. */
export async function keptFiles(path: string): Promise<Map<string, File>> {
  const files = new Map<string, File>()
  try {
    const [parent, name] = await folderOf(path, false)
    const folder = await parent.getDirectoryHandle(name)
    const handles = (folder as unknown as { values(): AsyncIterable<FileSystemHandle> }).values()
    for await (const handle of handles) {
      if (handle.kind === 'file') files.set(handle.name, await (handle as FileSystemFileHandle).getFile())
    }
  } catch (error) {
    missing(error)
  }
  return files
}
