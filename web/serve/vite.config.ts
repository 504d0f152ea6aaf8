// Bundles the script of the page of `densenet serve`, which src/server/page.ts puts into the page.
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

export default defineConfig({
  build: {
    outDir: fileURLToPath(new URL('../../dist/server/page', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: false,
    rolldownOptions: {
      input: fileURLToPath(new URL('page.ts', import.meta.url)),
      output: { entryFileNames: 'script.js' },
    },
  },
})
