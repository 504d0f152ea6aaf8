// The runs under a folder and what becomes of them: looked at once a second while somebody listens. Every change has a
// number, so that who was away can ask for what changed since.
import { readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { usageError } from '../errors.js'
import { CONFIG_FILE } from '../fitting/settings.js'
import { isFile } from '../node/files.js'
import type { RunSummary } from './api.js'
import { RunHistory } from './history.js'
import { RunLatest } from './run-latest.js'

/** Folders of folders of runs; more is a mistake in the folder given. */
const DEEPEST = 4
/** Histories of so many runs are kept; a run of a million steps takes 24 MB. */
const MOST_HISTORIES = 16

export type RunChange =
  | { readonly version: number; readonly type: 'run'; readonly run: RunSummary }
  | { readonly version: number; readonly type: 'gone'; readonly id: string }

interface Known {
  readonly latest: RunLatest
  summary: RunSummary
  version: number
}

export class RunList {
  #version = 0
  readonly #runs = new Map<string, Known>()
  readonly #gone = new Map<string, number>()
  readonly #histories = new Map<string, RunHistory>()
  readonly #listeners = new Set<() => void>()
  #timer: NodeJS.Timeout | null = null
  #looking: Promise<void> | null = null

  constructor(
    readonly folder: string,
    private readonly milliseconds: number,
  ) {}

  get version(): number {
    return this.#version
  }

  get summaries(): RunSummary[] {
    return [...this.#runs.values()].map(({ summary }) => summary)
  }

  /** What changed after a version, in the order it did. */
  since(version: number): RunChange[] {
    const changed = [...this.#runs.values()]
      .filter(known => known.version > version)
      .map(({ version, summary }): RunChange => ({ version, type: 'run', run: summary }))
    const gone = [...this.#gone].filter(([, at]) => at > version)
    return [...changed, ...gone.map(([id, version]): RunChange => ({ version, type: 'gone', id }))].sort(
      (a, b) => a.version - b.version,
    )
  }

  /** The folder of a run by its id; ids are looked up, never joined to a path. */
  folderOf(id: string): string {
    const known = this.#runs.get(id)
    if (!known) throw usageError(`there is no run "${id}" in ${this.folder}`)
    return known.latest.folder
  }

  history(id: string): RunHistory {
    this.folderOf(id)
    const history = this.#histories.get(id) ?? new RunHistory(this.#runs.get(id)!.latest.logPath)
    this.#histories.delete(id)
    this.#histories.set(id, history)
    const [oldest] = this.#histories.keys()
    if (this.#histories.size > MOST_HISTORIES) this.#histories.delete(oldest!)
    return history
  }

  /** Calls `listener` after every change, until what it returns is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    this.#timer ??= setTimeout(() => this.#tick(), 0)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  close(): void {
    this.#listeners.clear()
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
  }

  async #tick(): Promise<void> {
    const before = this.#version
    // Whatever goes wrong with a folder for a moment is looked at again in a second.
    await this.look().catch(() => {})
    if (this.#version !== before) for (const listener of [...this.#listeners]) listener()
    this.#timer = this.#listeners.size > 0 ? setTimeout(() => this.#tick(), this.milliseconds) : null
  }

  /** Looks at the folder now. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null
    })
    return this.#looking
  }

  async #look(): Promise<void> {
    const found = new Map((await runFolders(this.folder)).map(path => [idOf(this.folder, path), path]))
    for (const id of this.#runs.keys()) {
      if (found.has(id)) continue
      this.#runs.delete(id)
      this.#histories.delete(id)
      this.#gone.set(id, ++this.#version)
    }
    for (const [id, path] of found) {
      const known = this.#runs.get(id)
      const latest = known?.latest ?? new RunLatest(id, path)
      // It may go while it is looked at.
      const summary = await latest.look().catch(() => null)
      if (summary === null) continue
      this.#gone.delete(id)
      this.#runs.set(id, { latest, summary, version: ++this.#version })
    }
  }
}

const idOf = (root: string, path: string): string => relative(root, path).split(sep).join('/') || '.'

/** Folders with a config.json, at any depth that is sensible; hidden ones and links are left out. */
async function runFolders(folder: string, depth = 0): Promise<string[]> {
  if (await isFile(join(folder, CONFIG_FILE))) return [folder]
  if (depth === DEEPEST) return []
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const inner = entries.filter(entry => entry.isDirectory() && !/^\.|^node_modules$/.test(entry.name))
  return (await Promise.all(inner.map(({ name }) => runFolders(join(folder, name), depth + 1)))).flat()
}
