// Every layer of the network as a line.
import type { LayerFacts } from '../../src/model/operations.js'
import { grouped, short } from '../format.js'
import type { Choosing } from './overview.js'

export function LayerTable({ layers, chosen, choose }: { layers: readonly LayerFacts[] } & Choosing) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <section class="wide epochs" tabIndex={0} aria-label="All layers">
      <table>
        <thead>
          <tr>
            <th class="text">layer</th>
            <th class="text">name</th>
            <th>channels</th>
            <th>output</th>
            <th>parameters</th>
            <th>multiply-adds</th>
          </tr>
        </thead>
        <tbody>
          {layers.map(({ title, name, inChannels, outChannels, height, width, parameters, multiplyAdds }, i) => (
            <tr key={title} class={i === chosen ? 'best' : ''}>
              <th>
                <button type="button" class="sort" aria-pressed={i === chosen} onClick={() => choose(i)}>
                  {title}
                </button>
              </th>
              <td class="text">
                <code>{name}</code>
              </td>
              <td>
                {inChannels} → {outChannels}
              </td>
              <td>
                {height} × {width}
              </td>
              <td>{grouped(parameters)}</td>
              <td>{short(multiplyAdds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
