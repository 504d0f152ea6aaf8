// Checks what npm would publish: no install scripts, everything a user needs, nothing else.
//   npm pack --dry-run --json --ignore-scripts > pack.json && node scripts/check-package.mjs pack.json
import { readFileSync } from 'node:fs'

const json = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const [{ files, unpackedSize }] = Array.isArray(json) ? json : Object.values(json)
const paths = files.map(({ path }) => path)
const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

const problems = [
  ...['preinstall', 'install', 'postinstall'].filter(name => name in scripts).map(name => `it has a script "${name}"`),
  ...[
    'package.json',
    'README.md',
    'LICENSE',
    'dist/index.js',
    'dist/index.d.ts',
    'dist/cli/main.js',
    'dist/dashboard/page/index.html',
    'dist/server/page/script.js',
    'models/cifar10/model.safetensors',
  ]
    .filter(path => !paths.includes(path))
    .map(path => `it lacks ${path}`),
  // npm builds a binding.gyp in the root of a package on every install.
  ...paths.filter(path => path === 'binding.gyp').map(path => `it holds ${path}`),
  ...paths
    .filter(path => /^(test|bench|node_modules|\.ci)\/|build-sanitize|\.o$|\.a$/.test(path))
    .map(path => `it holds ${path}`),
]
for (const problem of problems) console.error(`error: the package is not as it should be: ${problem}`)
if (problems.length > 0) process.exit(1)
console.log(`package: ${paths.length} files, ${(unpackedSize / 1e6).toFixed(1)} MB unpacked, no install script`)
