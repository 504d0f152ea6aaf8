// Lines of CSV (RFC 4180).

/** One line, with its end. */
export const csvLine = (fields: readonly string[]): string => `${fields.map(quoted).join(',')}\r\n`

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
