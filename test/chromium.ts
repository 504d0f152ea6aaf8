// A real browser for tests of pages: the system's chromium, or the one that CHROMIUM names. Without one the tests are
// skipped, and say so; in CI that is a failure.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, chromium, type Page } from 'playwright-core'

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

export const launch = (flags: readonly string[] = []): Promise<Browser> =>
  chromium.launch({ executablePath: chromiumPath!, args: ['--no-sandbox', ...flags] })

/** A desk and a phone, light and dark: what overflows does not depend on colours, contrast not on widths. */
export const VIEWS = [
  { width: 1440, height: 900, colorScheme: 'light' },
  { width: 390, height: 844, colorScheme: 'dark' },
] as const

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What it does not look at by itself: whether a finger finds what is to be touched. */
const ALSO = JSON.stringify({ rules: { 'target-size': { enabled: true } } })

interface Findings {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[]
}

/** What axe finds wrong with the page as it stands, and whether it is wider than the screen. */
export async function faults(page: Page): Promise<string[]> {
  // The pages' own policy lets no other script in; the debugger's way is not bound by it.
  await page.evaluate(AXE)
  const { violations } = await page.evaluate<Findings>(`axe.run(${ALSO})`)
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`)
  const over = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
  return over > 0 ? [...found, `${over} pixels wider than the screen`] : found
}
