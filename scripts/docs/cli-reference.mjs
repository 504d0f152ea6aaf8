// docs/cli.md: every command with its arguments, options and examples, from the commands themselves.
//   node scripts/docs/cli-reference.mjs            writes it (npm run docs:cli)
//   node scripts/docs/cli-reference.mjs --check    fails when it is not up to date
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { allCommands, helpOf } from './commands.mjs'
import { table } from './table.mjs'

const path = new URL('../../docs/cli.md', import.meta.url)

const cell = text => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replace(/\s+/g, ' ')
const withDefault = ({ description, defaultValue }) =>
  defaultValue === undefined || defaultValue === false || /default/.test(description)
    ? description
    : `${description}${description === '' ? '' : '; '}default: ${defaultValue}`

function section(command) {
  const parts = [`## densenet ${command.name()}`, `${sentence(command.description())}`]
  parts.push(`\`\`\`text\ndensenet ${command.name()} ${command.usage()}\n\`\`\``)
  const args = command.registeredArguments.map(arg => [
    `\`${arg.required ? `<${arg.name()}>` : `[${arg.name()}]`}${arg.variadic ? '...' : ''}\``,
    cell(withDefault(arg)),
  ])
  if (args.length > 0) parts.push(table([['argument', 'what'], ...args]))
  const options = command.options.filter(option => !option.hidden)
  if (options.length > 0) {
    const rows = options.map(option => [`\`${option.flags.replaceAll('|', '\\|')}\``, cell(withDefault(option))])
    parts.push(table([['option', 'what'], ...rows]))
  }
  const examples = [...helpOf(command).matchAll(/^ {2}(densenet .*)$/gm)].map(([, line]) => line)
  const shown = examples.filter(line => !line.includes('[options]'))
  if (shown.length > 0) parts.push(`\`\`\`sh\n${shown.join('\n')}\n\`\`\``)
  return parts.join('\n\n')
}

const sentence = text => `${text[0].toUpperCase()}${text.slice(1)}.`

const intro = `# The command line

Every command with its options, as \`densenet COMMAND --help\` prints them. Options of all commands: \`--debug\` shows where an
error came from. Exit codes: 0, 1 for what failed, 2 for wrong usage, 130 after Ctrl-C. This page is written by
\`npm run docs:cli\`.`

const page = `${[intro, ...(await allCommands()).map(section)].join('\n\n')}\n`
if (process.argv.includes('--check')) {
  if (existsSync(path) && readFileSync(path, 'utf8') === page) process.exit(0)
  console.error('error: docs/cli.md is not up to date\n       Run npm run docs:cli')
  process.exit(1)
}
writeFileSync(path, page)
