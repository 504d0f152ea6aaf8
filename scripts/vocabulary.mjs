// Writes native/vocabulary.h from the table of src/engine/vocabulary.ts: after npm run build:ts
//   node scripts/vocabulary.mjs
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { FINGERPRINT } from '../dist/engine/encode.js'
import { KERNEL_NAMES, VOCABULARY } from '../dist/engine/vocabulary.js'

/** An object's own objects add nothing to the names of members: outputGradient.deferred.a is outputGradient.a. */
const member = path => ['call', ...(path.length > 2 ? [path[0], path.at(-1)] : path)].join('.')

function reads(fields, path = []) {
  let weights = 0
  return Object.entries(fields).map(([name, field]) => {
    const inner = [...path, name]
    const text =
      field.kind === 'object'
        ? reads(field.fields, inner).join(' ')
        : `in.${field.kind}(${member(inner)}${field.kind === 'weight' ? `, call.weights[${weights++}]` : ''});`
    if (!field.without) return text
    return `if (in.present()) { ${text} }`
  })
}

/** Lines of up to 120 letters. */
function lines(statements) {
  const all = ['']
  for (const next of statements) {
    if (all.at(-1) !== '' && all.at(-1).length + next.length >= 120) all.push('')
    all.push(`${all.pop()} ${next}`.trim())
  }
  return all
}

const enumerator = name => name[0].toUpperCase() + name.slice(1)

export const header = `// Written by scripts/vocabulary.mjs from src/engine/vocabulary.ts.
#pragma once

namespace densenet {

/// What encodings of this vocabulary begin with.
constexpr double FINGERPRINT = ${FINGERPRINT};

enum class Kernel : int {
${KERNEL_NAMES.map(name => `  ${enumerator(name)},\n`).join('')}  Count
};

/// Reads the fields of a call in the order in which they are encoded.
template <class Decoder, class Call>
void readFields(Decoder& in, Call& call) {
  switch (call.kernel) {
${KERNEL_NAMES.map(
  name =>
    `    case Kernel::${enumerator(name)}:\n${lines(reads(VOCABULARY[name]))
      .map(line => `      ${line}\n`)
      .join('')}      break;\n`,
).join('')}    case Kernel::Count: break;
  }
}

}  // namespace densenet
`

export const path = fileURLToPath(new URL('../native/vocabulary.h', import.meta.url))
if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(path, header)
