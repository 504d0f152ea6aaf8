// SVG as templates.
import { html } from 'hono/html'

export type Markup = ReturnType<typeof html>

/** A piece of SVG. Text put into it is escaped, and loses what XML forbids; numbers get two decimals at most; markup, and
 * lists of all these, stay as they are. */
export const svg = (strings: TemplateStringsArray, ...values: readonly unknown[]): Markup =>
  html(strings, ...values.map(written))

function written(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(written)
  if (typeof value === 'number') return Number(value.toFixed(2))
  return typeof value === 'string' ? value.replace(FORBIDDEN, '') : value
}

const FORBIDDEN = /[^\P{Cc}\t\n\r]|[\ufffe\uffff]/gu
