// A real browser for tests of pages: the system's chromium, or the one that CHROMIUM names. Without one the tests are
// skipped, and say so; in CI that is a failure.
import { execFileSync } from 'node:child_process'

function find(): string | null {
  if (process.env.CHROMIUM) return process.env.CHROMIUM
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    } catch {
      // The next name.
    }
  }
  if (process.env.CI) throw new Error('there is no chromium for the tests of pages')
  console.log('skipped: there is no chromium to look at pages with (apt-get install chromium, or CHROMIUM=path)')
  return null
}

/** Its path; null without one. */
export const chromiumPath = find()
