// Tables of README.md and docs/ made from what the commands of bench/ wrote: between `<!-- table epyc/pytorch -->`, with
// numbers of rows behind it where not all are shown, and `<!-- /table -->` stands bench/results/epyc/pytorch.json.
//   node scripts/docs/measured-tables.mjs             writes them (npm run docs:tables)
//   node scripts/docs/measured-tables.mjs --check     fails when one is not up to date
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { captionOf, tableOf } from '../../bench/results.mjs'
import { pages, root } from './blocks.mjs'

const TABLE = /(<!-- table ([\w/-]+)((?: \d+)*) -->\n)[\s\S]*?(<!-- \/table -->)/g

const check = process.argv.includes('--check')
let tables = 0
for (const page of pages()) {
  const text = readFileSync(join(root, page), 'utf8')
  const made = text.replace(TABLE, (_, begin, name, rows, end) => {
    tables++
    const result = JSON.parse(readFileSync(join(root, 'bench/results', `${name}.json`), 'utf8'))
    const only = rows === '' ? undefined : rows.trim().split(' ').map(Number)
    return `${begin}\n${tableOf(result, only)}\n\n${captionOf(result)}\n\n${end}`
  })
  if (made === text) continue
  if (check) {
    console.error(`error: ${page}: a table is not what bench/results holds\n       Run npm run docs:tables`)
    process.exitCode = 1
  } else writeFileSync(join(root, page), made)
}
console.log(`${tables} measured tables`)
if (tables === 0) process.exitCode = 1
