// Which outputs a program with `recompute` keeps all the same. Its arena is as large as one moment of the step needs, for
// most networks the backward pass of the first block; what later layers keep is read before that, from memory that would lie idle.
import { type Lifetime, layOut } from './arena.js'

/** The buffer of an output, and the one that it is made into again in the backward pass. */
export interface Remade {
  readonly output: number
  readonly again: number
}

/** How many of `remade`, from the first on, can be kept from the one pass to the other without a larger arena than none of
 * them needs. */
export function countKept(lives: readonly Lifetime[], remade: readonly Remade[]): number {
  const unused = { bytes: 0, first: -1, last: -1 }
  const arena = (kept: number): number => {
    const changed = [...lives]
    for (const { output, again } of remade.slice(0, kept)) {
      changed[output] = { ...lives[output]!, last: lives[again]!.last }
      changed[again] = unused
    }
    return layOut(changed).arenaBytes
  }
  const least = arena(0)
  let [fits, most] = [0, remade.length]
  while (fits < most) {
    const middle = Math.ceil((fits + most) / 2)
    if (arena(middle) <= least) fits = middle
    else most = middle - 1
  }
  return fits
}
