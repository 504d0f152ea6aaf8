// The facts of one layer, operation by operation.
import type { LayerFacts } from '../../src/model/operations.js'
import type { ModelFacts } from '../api.js'
import { bytes, grouped, share, short } from '../format.js'

const FLOAT = 4

export function LayerPanel({ layer, model }: { layer: LayerFacts; model: ModelFacts }) {
  const { title, name, inChannels, outChannels, height, width, parameters, multiplyAdds, operations } = layer
  const made = operations.at(-1)!.output.reduce((a, b) => a * b, 1)
  const facts: [string, string][] = [
    ['channels', `${inChannels} → ${outChannels}`],
    ['output', `${height} × ${width}`],
    ['parameters', `${grouped(parameters)} (${share(parameters / model.parameters)})`],
    ['multiply-adds', `${short(multiplyAdds)} (${share(multiplyAdds / model.multiplyAdds)})`],
    [`its feature maps at batch ${model.batchSize}`, bytes(FLOAT * made * model.batchSize)],
  ]
  return (
    <section class="layer" aria-label="The chosen layer" aria-live="polite">
      <h2>{title}</h2>
      <p class="soft">
        <code>{name}</code>
      </p>
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <section class="wide" tabIndex={0} aria-label="Its operations">
        <table>
          <thead>
            <tr>
              <th class="text">operation</th>
              <th>output</th>
              <th>parameters</th>
              <th>multiply-adds</th>
            </tr>
          </thead>
          <tbody>
            {operations.map(({ title, output, parameters, multiplyAdds }, i) => (
              <tr key={i}>
                <th>{title}</th>
                <td>{output.join(' × ')}</td>
                <td>{parameters === 0 ? '–' : grouped(parameters)}</td>
                <td>{multiplyAdds === 0 ? '–' : short(multiplyAdds)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  )
}
