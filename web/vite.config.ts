// Bundles the dashboard's page into dist/dashboard/page, hashed and compressed beforehand, so that the server only hands
// files out.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

const output = fileURLToPath(new URL('../dist/dashboard/page', import.meta.url))

const compressed = (): Plugin => ({
  name: 'compressed',
  closeBundle() {
    for (const entry of readdirSync(output, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.(html|js|css|svg)$/.test(entry.name)) continue
      const path = join(entry.parentPath, entry.name)
      const plain = readFileSync(path)
      const best = {
        params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length },
      }
      writeFileSync(`${path}.br`, brotliCompressSync(plain, best))
      writeFileSync(`${path}.gz`, gzipSync(plain, { level: 9 }))
    }
  },
})

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  build: {
    rolldownOptions: { checks: { pluginTimings: false } },
    outDir: output,
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: false,
  },
  plugins: [compressed()],
})
