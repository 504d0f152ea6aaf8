// The pages of the documentation, and their code blocks.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))

export function pages() {
  const docs = readdirSync(`${root}docs`, { recursive: true }).filter(name => name.endsWith('.md'))
  return ['README.md', ...docs.sort().map(name => `docs/${name}`)]
}

/** `{ page, line, text }` of each block in one of these languages; `line` of its first line, from 1. */
export function blocks(...languages) {
  return pages().flatMap(page => {
    const text = readFileSync(`${root}${page}`, 'utf8')
    return [...text.matchAll(/^```(\w+)[^\n]*\n([\s\S]*?)^```$/gm)]
      .filter(([, language]) => languages.includes(language))
      .map(found => ({ page, line: text.slice(0, found.index).split('\n').length + 1, text: found[2] }))
  })
}

/** A block's commands: without comments, lines that end in a backslash joined. */
export function commandsOf({ page, line, text }) {
  const commands = []
  let waiting = ''
  for (const [i, raw] of text.split('\n').entries()) {
    const part = raw
      .replace(/(^|\s)#\s.*$/, '')
      .replace(/^\$ /, '')
      .trimEnd()
    waiting += part.replace(/\\$/, '')
    if (part.endsWith('\\') || waiting.trim() === '') continue
    commands.push({ page, line: line + i, command: waiting.trim().replace(/\s+/g, ' ') })
    waiting = ''
  }
  return commands
}
