// The network as the paper draws it: blocks with what lies between, then one block layer by layer, each with its facts.
import { useSignal } from '@preact/signals'
import type { ModelFacts, RunSummary } from '../api.js'
import { Failed } from '../failed.js'
import { bytes, grouped, short } from '../format.js'
import { Block } from '../model/block.js'
import { LayerPanel } from '../model/layer-panel.js'
import { LayerTable } from '../model/layer-table.js'
import { Overview } from '../model/overview.js'
import { useAnswer } from '../use-answer.js'

const PARTS: Readonly<Record<string, string>> = {
  activations: 'feature maps, gradients, bottlenecks',
  parameters: 'parameters, gradients, momentum',
  scratch: "the kernels' scratch",
  batches: 'batches in use and ahead',
  loaders: 'threads that prepare them',
  copies: 'weights for checkpoints',
  node: 'Node and the program',
  total: 'all',
}

export function ModelPage({ run }: { run: RunSummary }) {
  const { value: model, failure } = useAnswer<ModelFacts>('model', { run: run.id })
  const chosen = useSignal(1)
  if (failure) return <Failed failure={failure} />
  if (!model) return <p class="empty">Reading the network …</p>
  const { layers } = model
  const index = Math.min(chosen.value, layers.length - 1)
  const layer = layers[index]!
  const choose = (i: number): void => {
    chosen.value = i
  }
  const block = Math.max(1, layer.block)
  return (
    <>
      <h1>{model.name}</h1>
      <p class="soft">
        {model.kind}, growth rate {model.growthRate}, {model.depth} layers, {grouped(model.parameters)} parameters,{' '}
        {short(model.multiplyAdds)} multiply-adds for an image of {model.input.join(' × ')}
      </p>
      <Overview model={model} chosen={index} choose={choose} />
      <div class="model">
        <Block model={model} block={block} chosen={index} choose={choose} />
        <LayerPanel layer={layer} model={model} />
      </div>
      <details>
        <summary>All layers as a table</summary>
        <LayerTable layers={layers} chosen={index} choose={choose} />
      </details>
      <Memory model={model} />
    </>
  )
}

function Memory({ model: { memory, batchSize } }: { model: ModelFacts }) {
  const parts = Object.keys(PARTS) as (keyof typeof memory.store)[]
  return (
    <section class="memory">
      <h2>Memory of a training at batch {batchSize}</h2>
      <p class="soft">As predicted for the whole process, but for the data set’s images.</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <section class="wide" tabIndex={0} aria-label="Memory by part">
        <table>
          <thead>
            <tr>
              <td />
              <th>store</th>
              <th>recompute</th>
            </tr>
          </thead>
          <tbody>
            {parts.map(part => (
              <tr key={part} class={part === 'total' ? 'best' : ''}>
                <th>{PARTS[part]}</th>
                <td>{bytes(memory.store[part])}</td>
                <td>{bytes(memory.recompute[part])}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  )
}
