// A folder of the origin's private file system, which is nobody else's while it is open.
import { DenseNetError, usageError } from '../errors.js'
import { type Directory, type OpenFile, web } from './platform.js'

/** Ends the name of what is not whole yet. */
const NEW = '.new'

export class Folder {
  private constructor(
    readonly path: string,
    private readonly directory: Directory,
    readonly release: () => void,
  ) {}

  /** `path`: names with slashes between them. Throws a sentence when another tab has it, or there is none. */
  static async open(path: string, create: boolean): Promise<Folder> {
    const { storage } = web.navigator
    if (!storage?.getDirectory) {
      throw new DenseNetError('runs cannot be kept here: this page has no file system of its own', {
        hint: 'serve it from localhost or by HTTPS, and not in a private window',
      })
    }
    const names = path.split('/').filter(name => name !== '')
    if (names.length === 0 || names.some(name => /^\.{1,2}$/.test(name))) {
      throw usageError(`a run cannot be called ${JSON.stringify(path)}`, 'give it a name such as "flowers"')
    }
    const release = await lock(names.join('/'))
    try {
      let directory = await storage.getDirectory()
      for (const name of names) directory = await directory.getDirectoryHandle(name, { create })
      const folder = new Folder(names.join('/'), directory, release)
      for (const name of await folder.names()) if (name.endsWith(NEW)) await folder.remove(name)
      return folder
    } catch (error) {
      release()
      if (nameOf(error) === 'NotFoundError') throw usageError(`there is no folder ${path}`)
      throw troubleWith(error, `opening the folder ${path}`)
    }
  }

  async names(): Promise<string[]> {
    const names: string[] = []
    for await (const name of this.directory.keys()) names.push(name)
    return names
  }

  /** null: there is no such file. */
  async read(name: string): Promise<Uint8Array | null> {
    try {
      const file = await (await this.directory.getFileHandle(name)).getFile()
      return new Uint8Array(await file.arrayBuffer())
    } catch (error) {
      if (nameOf(error) === 'NotFoundError') return null
      throw troubleWith(error, `reading ${this.path}/${name}`)
    }
  }

  /** Whole or not at all. `keep`: the name under which the file that is replaced goes on. */
  async write(name: string, parts: readonly Uint8Array[], keep?: string): Promise<void> {
    try {
      const made = await this.directory.getFileHandle(name + NEW, { create: true })
      const file = await made.createSyncAccessHandle()
      try {
        file.truncate(0)
        let at = 0
        for (const part of parts) at += written(file, part, at)
        file.flush()
      } finally {
        file.close()
      }
      const before = await this.directory.getFileHandle(name).catch(() => null)
      if (before && keep !== undefined) await before.move(keep)
      await made.move(name)
    } catch (error) {
      throw troubleWith(error, `writing ${this.path}/${name}`)
    }
  }

  async remove(name: string): Promise<void> {
    await this.directory.removeEntry(name).catch(error => {
      if (nameOf(error) !== 'NotFoundError') throw troubleWith(error, `removing ${this.path}/${name}`)
    })
  }

  async openLog(name: string): Promise<OpenLog> {
    try {
      const file = await (await this.directory.getFileHandle(name, { create: true })).createSyncAccessHandle()
      return new OpenLog(file, `${this.path}/${name}`)
    } catch (error) {
      throw troubleWith(error, `opening ${this.path}/${name}`)
    }
  }
}

/** A file to which lines are added. */
export class OpenLog {
  #pending = ''
  #length: number

  constructor(
    private readonly file: OpenFile,
    private readonly path: string,
  ) {
    this.#length = file.getSize()
  }

  /** The bytes before `end`, or as many as there are. */
  before(end: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(end, this.#length))
    this.file.read(bytes, { at: 0 })
    return bytes
  }

  cut(length: number): void {
    this.file.truncate(length)
    this.#length = length
  }

  add(text: string): void {
    this.#pending += text
  }

  /** Its length when everything so far is on the disk. */
  flush(): number {
    try {
      this.#length += written(this.file, new TextEncoder().encode(this.#pending), this.#length)
      this.#pending = ''
      this.file.flush()
    } catch (error) {
      throw troubleWith(error, `writing ${this.path}`)
    }
    return this.#length
  }

  close(): void {
    try {
      this.flush()
    } finally {
      this.file.close()
    }
  }
}

function written(file: OpenFile, bytes: Uint8Array, at: number): number {
  for (let done = 0; done < bytes.length; ) {
    const now = file.write(bytes.subarray(done), { at: at + done })
    if (now === 0) throw new DenseNetError('nothing more can be written')
    done += now
  }
  return bytes.length
}

/** Held until it is released, or the tab is gone. */
function lock(name: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const asked = web.navigator.locks?.request(`densenet ${name}`, { ifAvailable: true }, taken => {
      if (taken === null) {
        const hint = 'wait until it has ended, or stop it there'
        return Promise.reject(usageError(`another tab or worker is training in ${name}`, hint))
      }
      return new Promise<void>(release => resolve(release))
    })
    if (asked) asked.catch(reject)
    else reject(new DenseNetError('runs cannot be kept here: this browser has no Web Locks'))
  })
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '')

function troubleWith(error: unknown, what: string): DenseNetError {
  if (error instanceof DenseNetError) return error
  const full = nameOf(error) === 'QuotaExceededError'
  const hint = full
    ? 'free disk space, or delete other runs of this page; the checkpoint before this one is whole'
    : undefined
  const why = full ? 'the browser gives this page no more space' : (error as Error).message
  return new DenseNetError(`${what} failed: ${why}`, { cause: error, ...(hint ? { hint } : {}) })
}
