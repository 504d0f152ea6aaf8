// What was measured of a GPU's tiles, kept in the cache folder: a file for each GPU and driver. So a GPU is measured once, and computes with
// the same tiles, and to the same bits, ever after.
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cacheFolder } from '../../node/cache-folder.js'
import { writeFileAtomically } from '../../node/files.js'
import { TILES, type TileCosts, tileName } from '../webgpu/tiles.js'

export async function keptCosts(title: string, measure: () => Promise<TileCosts>): Promise<TileCosts> {
  const path = join(cacheFolder(), 'gpus', `${title.trim().replace(/[^\w.-]+/g, '-')}.json`)
  const known = costsIn(await readFile(path, 'utf8').catch(() => ''))
  if (known) return known
  const costs = await measure()
  const byName = Object.fromEntries(TILES.map((tile, i) => [tileName(tile), costs[i]]))
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFileAtomically(path, `${JSON.stringify(byName, null, 2)}\n`)
  } catch {
    // Where nothing can be kept it is measured again.
  }
  return costs
}

/** null: they are of other tiles, or damaged. */
function costsIn(text: string): TileCosts | null {
  try {
    const byName = JSON.parse(text) as Record<string, unknown>
    const costs = TILES.map(tile => byName[tileName(tile)])
    return costs.every(cost => typeof cost === 'number' && cost > 0) ? (costs as number[]) : null
  } catch {
    return null
  }
}
