// FNV-1a: tells apart what is not made to deceive.

export function hashOf(...lists: readonly ArrayLike<number>[]): string {
  let hash = 0x811c9dc5
  for (const list of lists) {
    for (let i = 0; i < list.length; i++) hash = Math.imul(hash ^ list[i]!, 0x01000193)
  }
  return (hash >>> 0).toString(16)
}
