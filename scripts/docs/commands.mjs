// All commands of the program, as commander knows them: every file of dist/cli/commands that makes one.
import { readdirSync } from 'node:fs'

const folder = new URL('../../dist/cli/commands/', import.meta.url)

/** Sorted by name. */
export async function allCommands() {
  const made = []
  for (const file of readdirSync(folder).filter(name => name.endsWith('.js'))) {
    const exported = Object.entries(await import(new URL(file, folder).href))
    for (const [name, make] of exported) if (name.endsWith('Command')) made.push(make(() => {}))
  }
  return made.sort((a, b) => a.name().localeCompare(b.name()))
}

/** Long names of the options that a command takes. */
export const optionNames = command => new Set(command.options.map(({ long }) => long))

/** Its help as it is printed, with what comes after the options. */
export function helpOf(command) {
  let text = ''
  command.configureOutput({ writeOut: piece => (text += piece) })
  command.outputHelp()
  return text
}
