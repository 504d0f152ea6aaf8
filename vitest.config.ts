import { defineConfig } from 'vitest/config'

// Tests import what ships: the compiled files in dist/. `npm test` builds first; while working, `npm run build:ts -- --watch`.
// DENSENET_TEST_REPORT names a file for the results as JSON, besides what is printed.
const report = process.env.DENSENET_TEST_REPORT
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
    ...(report ? { reporters: ['default', ['json', { outputFile: report }]] } : {}),
  },
})
