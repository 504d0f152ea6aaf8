// Prints what a test run counted, alone on a line: "tests: 1234 passed, 0 failed, 236 skipped". Fails when any failed.
//   node scripts/count-tests.mjs TITLE REPORT.json        (the report of vitest's json reporter: DENSENET_TEST_REPORT)
import { readFileSync } from 'node:fs'

const [title, path] = process.argv.slice(2)
const report = JSON.parse(readFileSync(path, 'utf8'))
const results = report.testResults.flatMap(({ assertionResults }) => assertionResults)
const count = (...states) => results.filter(({ status }) => states.includes(status)).length
const [passed, failed] = [count('passed'), count('failed')]
const brokenFiles = report.testResults.filter(({ status }) => status === 'failed').length
console.log(`${title}: ${passed} passed, ${failed} failed, ${results.length - passed - failed} skipped`)
if (failed > 0 || brokenFiles > 0 || passed === 0 || !report.success) process.exit(1)
