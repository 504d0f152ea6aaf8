// CSV files (RFC 4180).

export const csvOf = (lines: readonly (readonly string[])[]): string =>
  `${lines.map(line => line.map(quoted).join(',')).join('\r\n')}\r\n`

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
