// Numbers as people read them.

export const grouped = (n: number): string => n.toLocaleString('en-US')

/** Three digits: 1.23, 45.6, 789, 1,234 */
export const rounded = (n: number): string => (n >= 99.95 ? grouped(Math.round(n)) : n.toPrecision(3))

/** 769,162; 6.98 M; 2.83 G */
export function short(n: number): string {
  if (n >= 1e9) return `${rounded(n / 1e9)} G`
  return n >= 1e6 ? `${rounded(n / 1e6)} M` : grouped(Math.round(n))
}

export function bytes(n: number): string {
  return n >= 1e9 ? `${rounded(n / 1e9)} GB` : `${Math.ceil(n / 1e6)} MB`
}

/** "12:01", "3:04:05", from two days on "51 h" */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?'
  const whole = Math.round(seconds)
  if (whole >= 36_000) return `${Math.round(whole / 3600)} h`
  const two = (n: number): string => String(n).padStart(2, '0')
  const minutes = `${Math.floor(whole / 60) % 60}`
  const hours = Math.floor(whole / 3600)
  return hours > 0 ? `${hours}:${two(Number(minutes))}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

export const percent = (value: number, digits = 2): string => `${value.toFixed(digits)} %`

/** Columns padded to the same width; `right` aligns that column's text to the right. */
export function table(rows: readonly (readonly string[])[], right: readonly boolean[]): string {
  const widths = right.map((_, column) => Math.max(...rows.map(row => (row[column] ?? '').length)))
  return rows
    .map(row =>
      widths
        .map((width, column) => {
          const text = row[column] ?? ''
          return right[column] ? text.padStart(width) : text.padEnd(width)
        })
        .join('   ')
        .trimEnd(),
    )
    .join('\n')
}

/** Words in lines of at most `width`, three spaces between them. */
export function wrapped(words: readonly string[], width: number): string[] {
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 3 + word.length <= width) lines[lines.length - 1] = `${last}   ${word}`
    else lines.push(word)
  }
  return lines
}

/** A path as a shell takes it. */
export const quoted = (path: string): string =>
  /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`

/** "12 s ago", "3 min ago", "5 h ago", "2 days ago" */
export function ago(seconds: number): string {
  if (seconds < 1) return 'now'
  if (seconds < 60) return `${Math.round(seconds)} s ago`
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h ago`
  return `${Math.round(seconds / 86_400)} days ago`
}
