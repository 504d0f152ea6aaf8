// Text into HTML and SVG.

/** Text as it must stand in markup, between tags or in an attribute; what XML forbids altogether is left out. */
export const escaped = (text: string): string =>
  text.replace(FORBIDDEN, '').replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)

const FORBIDDEN = /[^\P{Cc}\t\n\r]|[\ufffe\uffff]/gu

/** An element: attributes whose value is null or undefined are left out; numbers get two decimals at most; children are
 * markup already. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | null | undefined>>,
  ...children: readonly string[]
): string {
  const written = Object.entries(attributes).flatMap(([key, value]) =>
    value === null || value === undefined
      ? []
      : [` ${key}="${escaped(typeof value === 'number' ? String(Number(value.toFixed(2))) : value)}"`],
  )
  const open = `<${name}${written.join('')}`
  return children.length === 0 ? `${open}/>` : `${open}>${children.join('')}</${name}>`
}
