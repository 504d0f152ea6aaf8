// Links from docs/*.md to code: [`name`](../src/FILE.ts#L10-L20) stands for what declares that name, `Class.member` for a
// member. The lines are looked up, so that they follow the code.
//   node scripts/docs/code-links.mjs             rewrites them (npm run docs:links)
//   node scripts/docs/code-links.mjs --check     fails when one is not up to date, or its name is gone
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript'
import { pages, root } from './blocks.mjs'

const LINK = /\[`([\w.]+)`\]\(([\w./-]+\.ts)#L\d+-L\d+\)/g

/** Everything that a file declares: name -> node. */
function declarations(file) {
  const found = new Map()
  for (const statement of file.statements) {
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) found.set(name.getText(file), statement)
    } else if (statement.name) {
      const name = statement.name.getText(file)
      found.set(name, statement)
      for (const member of statement.members ?? []) {
        if (member.name) found.set(`${name}.${member.name.getText(file)}`, member)
      }
    }
  }
  return found
}

/** "#L10-L20", or null when the file declares nothing of that name. */
function linesOf(path, name) {
  if (!existsSync(path)) return null
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest)
  const node = declarations(file).get(name)
  if (!node) return null
  const line = position => file.getLineAndCharacterOfPosition(position).line + 1
  return `#L${line(node.getStart(file))}-L${line(node.getEnd())}`
}

const check = process.argv.includes('--check')
let links = 0
let wrong = 0
for (const page of pages()) {
  const text = readFileSync(join(root, page), 'utf8')
  const linked = text.replace(LINK, (all, name, target) => {
    links++
    const path = join(root, dirname(page), target)
    const lines = linesOf(path, name)
    if (lines !== null) return `[\`${name}\`](${target}${lines})`
    wrong++
    console.error(`error: ${page}: ${relative(root, path)} declares no ${name}`)
    return all
  })
  if (linked === text) continue
  if (check) {
    wrong++
    console.error(`error: ${page}: lines of links to code have moved\n       Run npm run docs:links`)
  } else writeFileSync(join(root, page), linked)
}
console.log(`${links} links to code`)
if (wrong > 0 || links === 0) process.exit(1)
