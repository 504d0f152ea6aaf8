// Names of classes and pictures are names of folders and files once a project leaves the browser.

/** What no file system minds; empty where nothing is left. */
const tame = (text: string): string =>
  text
    .normalize('NFC')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are meant
    .replace(/[\\/:*?"<>|\u0000-\u001f]+/g, '-')
    .replace(/^[.\s]+|[.\s]+$/g, '')

/** `wanted`, or with a number behind it where that is taken. */
function free(wanted: string, taken: readonly string[], numbered: (name: string, n: number) => string): string {
  const small = new Set(taken.map(name => name.toLowerCase()))
  for (let n = 1; ; n++) {
    const name = n === 1 ? wanted : numbered(wanted, n)
    if (!small.has(name.toLowerCase())) return name
  }
}

/** null: there is no name in it. */
export function className(text: string, taken: readonly string[]): string | null {
  const name = tame(text)
  return name === '' ? null : free(name, taken, (name, n) => `${name} ${n}`)
}

const ENDINGS: Readonly<Record<string, string>> = {
  'image/jpeg': '.jpg',
  'image/png': '.png',
  'image/webp': '.webp',
  'image/gif': '.gif',
}

/** Kept as they are; all others become JPEG. */
export const isKeptType = (type: string): boolean => Object.hasOwn(ENDINGS, type)

export function fileName(text: string, type: string, taken: readonly string[]): string {
  const stem = tame(text.replace(/^.*[\\/]/, '').replace(/\.[^.]*$/, '')) || 'picture'
  const ending = ENDINGS[type]
  return free(`${stem}${ending}`, taken, (_, n) => `${stem}-${n}${ending}`)
}
