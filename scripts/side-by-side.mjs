// Runs npm scripts of this package side by side, and prints what each printed when it ends. Fails when one fails.
//   node scripts/side-by-side.mjs SCRIPT...
import { spawn } from 'node:child_process'

const run = name =>
  new Promise((resolve, reject) => {
    const child = spawn('npm', ['run', '--silent', name], {
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    })
    let printed = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', text => {
        printed += text
      })
    }
    child.on('error', reject)
    child.on('close', code => {
      process.stdout.write(printed)
      if (code !== 0) console.error(`error: npm run ${name} failed with exit code ${code}`)
      resolve(code)
    })
  })

const codes = await Promise.all(process.argv.slice(2).map(run))
process.exitCode = codes.find(code => code !== 0) ?? 0
