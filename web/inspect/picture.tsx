// A drawing of the server's: SVG that takes on the colours of the page. Where it is wider than there is room, it scrolls.
import type { ComponentChildren } from 'preact'

export function Picture({ svg, name }: { svg: string; name: string }) {
  return (
    <Scrolls name={name} kind="picture">
      <div dangerouslySetInnerHTML={{ __html: svg }} />
    </Scrolls>
  )
}

/** What may be wider than the page: it scrolls by itself, with the keyboard, too. */
export function Scrolls({ name, kind, children }: { name: string; kind: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard (WCAG 2.1.1)
    <section class={kind} aria-label={name} tabIndex={0}>
      {children}
    </section>
  )
}

/** The same numbers, for who would rather read. */
export function Rows({ rows, title }: { rows: readonly (readonly string[])[]; title: string }) {
  const [head, ...body] = rows
  return (
    <details>
      <summary>{title}</summary>
      <Scrolls name={title} kind="wide">
        <table>
          <thead>
            <tr>
              {head!.map((name, i) => (
                <th key={name} class={isText(body, i) ? 'text' : ''}>
                  {name.replaceAll('_', ' ')}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {body.map(row => (
              <tr key={row.join()}>
                {row.map((value, i) => (
                  <td key={head![i]} class={isText(body, i) ? 'text' : ''}>
                    {value}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scrolls>
    </details>
  )
}

const isText = (body: readonly (readonly string[])[], column: number): boolean =>
  body.some(row => row[column] !== '' && !Number.isFinite(Number(row[column])))
