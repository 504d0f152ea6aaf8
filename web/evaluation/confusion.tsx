// The confusion matrix, or of many classes the pairs that are taken for each other.
import { grouped } from '../format.js'

const MOST_IN_MATRIX = 30

interface ConfusionProps {
  /** [true class][predicted class]; null: of too many classes. */
  readonly confusion: readonly (readonly number[])[] | null
  readonly classes: readonly string[]
  readonly pairs: readonly { readonly label: string; readonly predicted: string; readonly count: number }[]
  /** What is counted. */
  readonly unit: string
  /** What stands in a cell. */
  readonly cell?: (count: number, share: number) => string
}

export function Confusion({ confusion, classes, pairs, unit, cell = count => String(count) }: ConfusionProps) {
  const drawn = confusion !== null && classes.length <= MOST_IN_MATRIX
  return (
    <section>
      <h2>{drawn ? 'Confusion matrix' : 'Most confused classes'}</h2>
      {drawn && (
        <>
          <p class="soft">Rows: the true class; columns: what the network said.</p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
          <section class="wide" tabIndex={0} aria-label="Confusion matrix">
            <Matrix counts={confusion} classes={classes} cell={cell} />
          </section>
        </>
      )}
      {drawn ? (
        <details>
          <summary>Most confused classes</summary>
          <Pairs pairs={pairs} unit={unit} />
        </details>
      ) : (
        <Pairs pairs={pairs} unit={unit} />
      )}
    </section>
  )
}

interface MatrixProps extends Required<Pick<ConfusionProps, 'classes' | 'cell'>> {
  readonly counts: readonly (readonly number[])[]
}

function Matrix({ counts, classes, cell }: MatrixProps) {
  return (
    <table class="matrix">
      <thead>
        <tr>
          <td />
          {classes.map(name => (
            <th key={name} class="up" scope="col">
              <span>{name}</span>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {counts.map((row, label) => {
          const total = row.reduce((sum, count) => sum + count, 0)
          return (
            <tr key={classes[label]}>
              <th scope="row">{classes[label]}</th>
              {row.map((count, predicted) => (
                <td
                  key={classes[predicted]}
                  class={predicted === label ? 'right' : 'wrong'}
                  style={{ '--share': count === 0 ? 0 : (0.1 + 0.6 * Math.sqrt(count / total)).toFixed(3) }}
                  title={`${classes[label]} taken for ${classes[predicted]}: ${count} of ${total}`}
                >
                  {count > 0 && cell(count, count / total)}
                </td>
              ))}
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

function Pairs({ pairs, unit }: Pick<ConfusionProps, 'pairs' | 'unit'>) {
  if (pairs.length === 0) return <p>None was confused.</p>
  return (
    <table>
      <thead>
        <tr>
          <th class="text">true class</th>
          <th class="text">taken for</th>
          <th>{unit}</th>
        </tr>
      </thead>
      <tbody>
        {pairs.map(({ label, predicted, count }) => (
          <tr key={`${label} ${predicted}`}>
            <th>{label}</th>
            <td class="text">{predicted}</td>
            <td>{grouped(count)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
