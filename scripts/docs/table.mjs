/** Rows of texts as a Markdown table, as the formatter likes it: columns of one width. The first row is the head. */
export function table(rows) {
  const widths = rows[0].map((_, i) => Math.max(3, ...rows.map(row => row[i].length)))
  const line = cells => `| ${cells.map((text, i) => text.padEnd(widths[i])).join(' | ')} |`
  return [line(rows[0]), line(widths.map(width => '-'.repeat(width))), ...rows.slice(1).map(line)].join('\n')
}
