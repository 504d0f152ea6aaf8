import { defineConfig } from 'vitest/config'

// Tests import what ships: the compiled files in dist/. `npm test` builds first; while working, `npm run build:ts -- --watch`.
// DENSENET_TEST_REPORT names a file for the results as JSON, besides what is printed.
// DENSENET_SEED draws other examples for property tests: test/seed.ts.
// DENSENET_TEST_NODE names another Node for the processes that run the tests: scripts/test-emulated.mjs.
if (process.env.DENSENET_TEST_NODE) process.execPath = process.env.DENSENET_TEST_NODE
const report = process.env.DENSENET_TEST_REPORT
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/temporary.ts'],
    setupFiles: ['test/seed.ts', 'test/equal-numbers.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // One more than the two cores that there should be: tests wait for a third of their time.
    maxWorkers: 3,
    // Importing everything anew would take each file a second.
    isolate: false,
    ...(report ? { reporters: ['default', ['json', { outputFile: report }]] } : {}),
  },
})
