// Type-checks the TypeScript blocks of README.md and docs/*.md, each as a module of its own, against dist/.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { blocks, root } from './blocks.mjs'

// Within the package, so that it finds itself under its own name.
const folder = join(root, '.docs-types')
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder)
try {
  const found = blocks('ts', 'typescript').map(({ page, line, text }, i) => {
    const path = join(folder, `block${i}.ts`)
    writeFileSync(path, /^(import|export) /m.test(text) ? text : `${text}\nexport {}\n`)
    return { page, line, path }
  })
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const lenient = { ...options, noEmit: true, noUnusedLocals: false, noUnusedParameters: false }
  const program = ts.createProgram(
    found.map(({ path }) => path),
    lenient,
  )
  const problems = ts.getPreEmitDiagnostics(program)
  for (const { file, start = 0, messageText } of problems) {
    const block = found.find(({ path }) => path === file?.fileName)
    const place = block
      ? `${block.page}:${block.line + file.getLineAndCharacterOfPosition(start).line}`
      : file?.fileName
    console.error(`error: ${place}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
  }
  console.log(`${found.length} blocks of TypeScript, ${problems.length} problems`)
  process.exitCode = problems.length > 0 || found.length === 0 ? 1 : 0
} finally {
  rmSync(folder, { recursive: true, force: true })
}
