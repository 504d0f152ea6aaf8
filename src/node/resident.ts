// How much memory this process has taken, as the operating system counts it.
import { readFileSync } from 'node:fs'

/** The most bytes that were resident at any moment since the process began; it never falls. */
export function peakResidentBytes(): number {
  try {
    // Of this program alone: maxRSS can begin with what the parent had before it started this one.
    const [, kilobytes] = /VmHWM:\s*(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))!
    return 1024 * Number(kilobytes)
  } catch {
    return 1024 * process.resourceUsage().maxRSS
  }
}
