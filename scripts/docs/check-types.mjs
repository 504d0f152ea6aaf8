// Type-checks the TypeScript blocks of README.md and docs/*.md, each as a module of its own, against dist/.
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { blocks, root } from './blocks.mjs'

// Within the package, so that it finds itself under its own name.
const folder = join(root, '.docs-types')
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder)
try {
  const found = blocks('ts', 'typescript').map(({ page, line, text }, i) => {
    writeFileSync(join(folder, `block${i}.ts`), /^(import|export) /m.test(text) ? text : `${text}\nexport {}\n`)
    return { page, line }
  })
  const lenient = { noUnusedLocals: false, noUnusedParameters: false }
  const config = { extends: '../tsconfig.json', compilerOptions: lenient, include: ['*.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const tsc = join(root, 'node_modules/@typescript/native/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
    encoding: 'utf8',
    cwd: root,
  })
  // block3.ts(2,7): error TS2322: ...
  const said = stdout.replace(/^(\S+)\((\d+),\d+\): /gm, (whole, path, line) => {
    const block = found[/^block(\d+)\.ts$/.exec(basename(path))?.[1]]
    return block ? `error: ${block.page}:${block.line + Number(line) - 1}: ` : whole
  })
  process.stderr.write(said)
  console.log(`${found.length} blocks of TypeScript, ${status === 0 ? 'no' : 'some'} problems`)
  process.exitCode = status !== 0 || found.length === 0 ? 1 : 0
} finally {
  rmSync(folder, { recursive: true, force: true })
}
