// Bundles the page of `densenet playground` into dist/playground/page. The modules of WebAssembly and the network that comes
// with the package stay where they are: src/playground/files.ts lays them beside it.
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** What the sources name beside themselves: workers are .ts files there; modules of WebAssembly the page gives addresses of. */
const besides = (): Plugin => ({
  name: 'besides',
  enforce: 'pre',
  transform(code, id) {
    if (!id.endsWith('.ts') || !code.includes('import.meta.url')) return null
    return code
      .replace(/new URL\('(\.[^']+)\.js', import\.meta\.url\)/g, (whole, path: string) =>
        existsSync(resolve(dirname(id), `${path}.ts`)) ? whole.replace(`${path}.js`, `${path}.ts`) : whole,
      )
      .replace(/new URL\('[^']+\.wasm', import\.meta\.url\)/g, 'undefined')
  },
})

export default defineConfig({
  root: at('.'),
  base: './',
  build: {
    rolldownOptions: { checks: { pluginTimings: false } },
    outDir: at('../../dist/playground/page'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: false,
  },
  worker: { format: 'es', plugins: () => [besides()] },
  plugins: [besides()],
})
