// Bundles the pages into dist/, all of them, unless they are what the same sources made before.
//   node scripts/build-web.mjs        (npm run build:web)
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const kept = join(root, 'node_modules/.cache/pages')
/** Folders of pages with what is made of them; each has its configuration, or that of another folder. */
const PAGES = [
  { page: 'web', config: 'web/vite.config.ts', made: 'dist/dashboard/page/index.html' },
  { page: 'web', config: 'web/serve/vite.config.ts', made: 'dist/server/page/script.js' },
  { page: 'web/playground', config: 'web/playground/vite.config.ts', made: 'dist/playground/page/index.html' },
]

const hash = createHash('sha256')
const files = ['src', 'web'].flatMap(folder =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name)),
)
for (const path of [...files.sort(), join(root, 'package-lock.json'), fileURLToPath(import.meta.url)]) {
  hash.update(`${path} ${createHash('sha256').update(readFileSync(path)).digest('hex')}\n`)
}
const sources = hash.digest('hex')
const stands = PAGES.every(({ made }) => existsSync(join(root, made)))
if (!stands || !existsSync(kept) || readFileSync(kept, 'utf8') !== sources) {
  for (const { page, config } of PAGES) {
    await build({ root: join(root, page), configFile: join(root, config), logLevel: 'warn' })
  }
  mkdirSync(dirname(kept), { recursive: true })
  writeFileSync(kept, sources)
}
