// Whether a data set is still the one that it was (images/identity.ts), by Node's hash and the files on the disk.
import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { relative, sep } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Dataset, FileDataset } from '../../images/dataset.js'
import * as identity from '../../images/identity.js'

/** How many files are asked about at once. */
const TOGETHER = 64

const how: identity.Fingerprinting = { createHash: () => createHash('sha256'), filesOf, pause: () => setImmediate() }

export const identify = (train: Dataset, test: Dataset | null): Promise<identity.DatasetIdentity> =>
  identity.identify(train, test, how)

/** Of all these data sets together, in their order. */
export const fingerprint = (datasets: readonly Dataset[]): Promise<string> => identity.fingerprint(datasets, how)

/** Relative: a folder may have moved, to another system, too. */
async function* filesOf({
  files: images,
  masks,
  name: folder,
}: FileDataset): AsyncGenerator<readonly [string, number]> {
  const files = [...images, ...(masks?.files ?? [])]
  for (let at = 0; at < files.length; at += TOGETHER) {
    const some = files.slice(at, at + TOGETHER)
    const sizes = await Promise.all(
      some.map(file =>
        stat(file).then(
          ({ size }) => size,
          () => -1,
        ),
      ),
    )
    for (const [i, file] of some.entries()) yield [relative(folder, file).replaceAll(sep, '/'), sizes[i]!]
  }
}
