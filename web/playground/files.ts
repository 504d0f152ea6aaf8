// What a person drops, pastes or chooses: pictures, folders of them, a project, weights.

export interface Given {
  readonly file: File
  /** Folders around it, as far as they are known. */
  readonly folders: readonly string[]
}

const fromEntry = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject))

const readSome = (reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> =>
  new Promise((resolve, reject) => reader.readEntries(resolve, reject))

async function* within(entry: FileSystemEntry, folders: readonly string[]): AsyncGenerator<Given> {
  if (entry.name.startsWith('.')) return
  if (entry.isFile) yield { file: await fromEntry(entry as FileSystemFileEntry), folders }
  else {
    const reader = (entry as FileSystemDirectoryEntry).createReader()
    // It gives a hundred at a time.
    for (let some = await readSome(reader); some.length > 0; some = await readSome(reader)) {
      for (const inner of some) yield* within(inner, [...folders, entry.name])
    }
  }
}

export async function dropped({ items }: DataTransfer): Promise<Given[]> {
  // They are gone after the first await.
  const found = [...items].map(item => item.webkitGetAsEntry() ?? item.getAsFile())
  const given: Given[] = []
  for (const one of found) {
    if (one instanceof File) given.push({ file: one, folders: [] })
    else if (one) for await (const inner of within(one, [])) given.push(inner)
  }
  return given
}

/** Of an <input>, that of a folder too. */
export const chosen = (files: FileList | null): Given[] =>
  [...(files ?? [])]
    .map(file => ({ file, folders: file.webkitRelativePath.split('/').slice(0, -1) }))
    .filter(({ file, folders }) => ![file.name, ...folders].some(name => name.startsWith('.')))

/** ONNX is not read, and that is said by who reads the others. */
const WEIGHTS = /\.(safetensors|pth|pt|pth\.tar|h5|keras|t7|bin|onnx)$/i

export const isProject = ({ file }: Given): boolean => /\.zip$/i.test(file.name)
export const isWeights = ({ file }: Given): boolean => WEIGHTS.test(file.name)
/** What else lies in folders is passed over. */
export const isPicture = ({ file }: Given): boolean =>
  file.type.startsWith('image/') || /\.(jpe?g|png|webp|gif|bmp|avif)$/i.test(file.name)
