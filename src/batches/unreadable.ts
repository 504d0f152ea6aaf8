// Files that cannot be decoded: reported once each, and tolerated up to a limit. Files that are doubted: the first few.

import { DenseNetError } from '../errors.js'
import type { Dataset } from '../images/dataset.js'
import type { Written } from './batch-writer.js'

/** How many doubtful files are named: often all of a data set are so. */
const MOST_NAMED = 5

/** Reports each unreadable file once, and the first doubtful ones; throws when they are more than one in a hundred (but five are always allowed). */
export function unreadableCounter(
  { name, split, length }: Dataset,
  onWarning: ((message: string) => void) | undefined,
): (written: Written) => void {
  const most = Math.max(5, Math.floor(length / 100))
  const seen = new Set<string>()
  const doubted = new Set<string>()
  return ({ unreadable, doubtful = [] }) => {
    for (const { file, reason } of doubtful) {
      if (doubted.has(file) || doubted.size > MOST_NAMED) continue
      doubted.add(file)
      onWarning?.(doubted.size > MOST_NAMED ? 'more files like these are not named' : `${file}: ${reason}`)
    }
    for (const { file, reason } of unreadable) {
      if (seen.has(file)) continue
      seen.add(file)
      onWarning?.(`${file} is skipped: ${reason}`)
      if (seen.size <= most && seen.size < length) continue
      const which = `the ${length} ${split} images of ${name}`
      const message =
        seen.size < length ? `more than ${most} of ${which} cannot be read` : `none of ${which} can be read`
      throw new DenseNetError(`${message}; the last is ${file}: ${reason}`, {
        hint: 'replace or remove the damaged files, or put them back',
      })
    }
  }
}
