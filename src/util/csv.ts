// CSV files (RFC 4180).

export const csvOf = (lines: readonly (readonly string[])[]): string => lines.map(csvLine).join('')

/** One line, with its end. */
export const csvLine = (fields: readonly string[]): string => `${fields.map(quoted).join(',')}\r\n`

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
