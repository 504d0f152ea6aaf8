// The confusion matrix, or of many classes the pairs that are taken for each other.
import type { Evaluation } from '../api.js'
import { grouped } from '../format.js'

const MOST_IN_MATRIX = 30

export function Confusion({ report }: Pick<Evaluation, 'report'>) {
  const { confusion, classes } = report
  const drawn = confusion !== null && classes.length <= MOST_IN_MATRIX
  return (
    <section>
      <h2>{drawn ? 'Confusion matrix' : 'Most confused classes'}</h2>
      {drawn && (
        <>
          <p class="soft">Rows: the true class; columns: what the network said.</p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
          <section class="wide" tabIndex={0} aria-label="Confusion matrix">
            <Matrix counts={confusion} classes={classes} />
          </section>
        </>
      )}
      {drawn ? (
        <details>
          <summary>Most confused classes</summary>
          <Pairs report={report} />
        </details>
      ) : (
        <Pairs report={report} />
      )}
    </section>
  )
}

function Matrix({ counts, classes }: { counts: readonly (readonly number[])[]; classes: readonly string[] }) {
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
                  {count || ''}
                </td>
              ))}
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

function Pairs({ report: { confusedPairs } }: Pick<Evaluation, 'report'>) {
  if (confusedPairs.length === 0) return <p>None was confused.</p>
  return (
    <table>
      <thead>
        <tr>
          <th class="text">true class</th>
          <th class="text">taken for</th>
          <th>images</th>
        </tr>
      </thead>
      <tbody>
        {confusedPairs.map(({ label, predicted, images }) => (
          <tr key={`${label} ${predicted}`}>
            <th>{label}</th>
            <td class="text">{predicted}</td>
            <td>{grouped(images)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
