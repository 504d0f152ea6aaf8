// Named networks on the command line: whether and from where they are fetched, and what is happening meanwhile.
import { Option } from 'commander'
import type { FetchOptions, FetchProgress } from '../index.js'
import type { Context } from './context.js'
import { bytes } from './format.js'
import { StatusLine } from './terminal.js'

export interface FetchFlags {
  readonly offline?: boolean
  readonly mirror?: string
}

export const fetchOptions = (): Option[] => [
  new Option('--offline', 'fetch no networks: only those on this machine (also: DENSENET_OFFLINE=1)'),
  new Option('--mirror <url>', 'fetch networks from URL/<name>/<file> instead of their homes (also: DENSENET_MIRROR)'),
]

/** What hub and terminal need; `end` clears the line that is written over. */
export function fetching(
  { offline, mirror }: FetchFlags,
  { out, warn, flags }: Context,
  signal?: AbortSignal,
): { fetch: FetchOptions; end: () => void } {
  const status = new StatusLine(out)
  const quiet = flags.quiet === true || flags.json === true
  const onProgress = (progress: FetchProgress): void => {
    if (progress.stage === 'damaged') warn(`${progress.path} was altered or damaged; it is fetched again`)
    else if (progress.stage === 'unverified')
      warn(`nobody says which SHA-256 ${progress.file} should have: it is taken as it came`)
    else if (!quiet) show(status, progress, out.columns())
  }
  const asked = offline === undefined ? {} : { offline }
  return {
    fetch: { ...asked, ...(mirror === undefined ? {} : { mirror }), ...(signal ? { signal } : {}), onProgress },
    end: () => status.clear(),
  }
}

function show(status: StatusLine, progress: FetchProgress, columns: number): void {
  switch (progress.stage) {
    case 'fetching':
      status.print(`fetching ${progress.file} from ${progress.from}`)
      break
    case 'downloading': {
      const { file, received, total } = progress
      const of = total === null ? '' : ` of ${bytes(total)}`
      status.show(`${file}  ${bytes(received)}${of}`.slice(0, columns - 1))
      break
    }
    case 'waiting':
      status.print('another process is fetching it; waiting')
  }
}
