// Tests kernels that multiply by instructions which this processor lacks, in a build in which AVX2 plays them, with the same bits:
//   node scripts/test-played.mjs [more arguments for vitest]     (npm run test:played, on x64)
// All conformance cases of AVX-512, of its products of bfloat16 and of layers in int8, and that threads change no bit. What it cannot show is
// how fast they are, and that the compiler writes those instructions: test/native/objects.test.ts looks for them.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const run = (args, env = process.env) =>
  spawnSync(process.execPath, args, { stdio: 'inherit', cwd: root, env }).status === 0 || process.exit(1)

run(['scripts/build-native.mjs', '--played'])
const tests = ['conformance/native', 'conformance/precisions', 'engine/precision'].map(name => `test/${name}.test.ts`)
run(['node_modules/vitest/vitest.mjs', 'run', ...tests, ...process.argv.slice(2)], {
  ...process.env,
  CI: 'true', // an addon that cannot be loaded is then a failure
  DENSENET_NATIVE: join(root, 'native/build-played/densenet.node'),
})
