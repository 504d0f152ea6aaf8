// The whole network as a row of its parts, after the paper's figure 2: dense blocks with convolution and pooling between.
import type { ModelFacts } from '../api.js'
import { grouped, plural, short } from '../format.js'

export interface Choosing {
  /** Place among the layers. */
  readonly chosen: number
  readonly choose: (layer: number) => void
}

export function Overview({ model: { layers, input }, chosen, choose }: { model: ModelFacts } & Choosing) {
  const groups = Map.groupBy(
    layers.map((layer, index) => ({ layer, index })),
    ({ layer }) => layer.group,
  )
  return (
    <ol class="overview" aria-label="Parts of the network">
      <li class="end">
        <span>input</span>
        <span class="soft">{input.join(' × ')}</span>
      </li>
      {[...groups].map(([title, group]) => {
        const first = group[0]!
        const last = group.at(-1)!
        const sum = (of: 'parameters' | 'multiplyAdds'): number => group.reduce((all, { layer }) => all + layer[of], 0)
        const { concatenates: isBlock, outChannels, height, width } = last.layer
        const within = chosen >= first.index && chosen <= last.index
        return (
          <li key={title} class={isBlock ? 'dense' : ''}>
            <button type="button" aria-pressed={within} onClick={() => choose(first.index)}>
              <span class="title">{isBlock ? `dense ${title}` : title}</span>
              <span>
                {isBlock
                  ? plural(group.length, 'layer')
                  : last.layer.operations
                      .filter(shownInOverview)
                      .map(({ title }) => title)
                      .join(', ')}
              </span>
              <span class="soft">
                {first.layer.inChannels} → {outChannels} channels
              </span>
              <span class="soft">
                {height} × {width}
              </span>
              <span class="soft">{grouped(sum('parameters'))} parameters</span>
              <span class="soft">{short(sum('multiplyAdds'))} multiply-adds</span>
            </button>
          </li>
        )
      })}
    </ol>
  )
}

const shownInOverview = ({ title }: { title: string }): boolean => !/^(batch norm|ReLU|dropout)/.test(title)
