// Where a person's caches are.
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** $XDG_CACHE_HOME/densenet or ~/.cache/densenet. */
export function cacheFolder(): string {
  const cache = process.env.XDG_CACHE_HOME
  // The XDG specification: a relative path is invalid and to be ignored.
  return join(cache !== undefined && isAbsolute(cache) ? cache : join(homedir(), '.cache'), 'densenet')
}
