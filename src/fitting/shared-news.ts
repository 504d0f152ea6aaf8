// What ranks have to say is said by rank 0, once: warnings, and files that cannot be read, which count for all together as
// they would for one process.
import type { Written } from '../batches/batch-writer.js'
import { unreadableCounter } from '../batches/unreadable.js'
import type { Dataset } from '../images/dataset.js'
import { leads, type Ranks } from '../ranks/ranks.js'
import type { News } from '../training/evaluation.js'

/** What one rank tells. */
interface Told {
  readonly warnings: readonly string[]
  /** Of the data set of that number. */
  readonly written: readonly (readonly [dataset: number, Written])[]
}

export interface SharedNews {
  readonly news: News
  readonly warn: (message: string) => void
  /** For the loader of a data set. */
  readonly onWritten: (dataset: Dataset) => (written: Written) => void
}

/** `say` is heard of rank 0 only. */
export function sharedNews(ranks: Ranks, say: (message: string) => void): SharedNews {
  const said = new Set<string>()
  const sayOnce = (message: string): void => {
    if (leads(ranks) && !said.has(message)) say(message)
    said.add(message)
  }
  const counters: ((written: Written) => void)[] = []
  let warnings: string[] = []
  let written: [number, Written][] = []
  return {
    warn: message => void warnings.push(message),
    onWritten(dataset) {
      const number = counters.push(unreadableCounter(dataset, sayOnce)) - 1
      return ({ size, unreadable, doubtful = [] }) => {
        if (unreadable.length + doubtful.length > 0) written.push([number, { size, unreadable, doubtful }])
      }
    },
    news: {
      take() {
        const told: Told = { warnings, written }
        warnings = []
        written = []
        return told
      },
      hear(all) {
        for (const told of all as readonly Told[]) {
          for (const message of told.warnings) sayOnce(message)
          for (const [dataset, files] of told.written) counters[dataset]!(files)
        }
      },
    },
  }
}
