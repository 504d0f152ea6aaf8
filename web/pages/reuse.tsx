// Feature reuse, the paper's figure 5, of a run's network as it is now.
import { useSignal } from '@preact/signals'
import type { CheckpointName, InspectionPicture, RunSummary } from '../api.js'
import { Failed } from '../failed.js'
import { figure } from '../format.js'
import { CheckpointChoice, Choice } from '../inspect/choice.js'
import { Picture, Scrolls } from '../inspect/picture.js'
import { useRoom } from '../inspect/use-room.js'
import { useAnswer } from '../use-answer.js'

const SCALES = [
  ['column', 'each column from 0 to 1'],
  ['raw', 'as measured'],
] as const
const MEASURES = [
  ['mean', 'mean absolute weight'],
  ['mean-per-map', 'the same per feature map'],
] as const

export function ReusePage({ run }: { run: RunSummary }) {
  const checkpoint = useSignal<CheckpointName>('last')
  const scale = useSignal('column')
  const measure = useSignal('mean')
  const { place, room } = useRoom()
  return (
    <>
      <h1>Feature reuse</h1>
      <p class="soft prose">
        Each square is how much weight a layer (its column) gives to the feature maps that an earlier one (its row)
        made; row 0 is the block’s input. In the frame: the transition behind the block, or the classifier. Figure 5 of
        the paper.
      </p>
      <div class="toolbar">
        <CheckpointChoice chosen={checkpoint} />
        <Choice
          name="measure"
          value={measure.value}
          options={MEASURES}
          choose={value => {
            measure.value = value
          }}
        />
        <Choice
          name="scale"
          value={scale.value}
          options={SCALES}
          choose={value => {
            scale.value = value
          }}
        />
      </div>
      <div ref={place}>
        {room.value !== null && (
          <Reuse
            when={run.epochsDone}
            query={{
              run: run.id,
              checkpoint: checkpoint.value,
              scale: scale.value,
              measure: measure.value,
              room: String(room.value),
            }}
          />
        )}
      </div>
    </>
  )
}

function Reuse({ query, when }: { query: Readonly<Record<string, string>>; when: number }) {
  const { value, failure } = useAnswer<InspectionPicture>('inspect/reuse', query, when)
  if (failure) return <Failed failure={failure} />
  if (!value) return <p class="empty">Reading the weights …</p>
  return (
    <>
      <Picture svg={value.svg} name="Feature reuse" />
      <details>
        <summary>As tables</summary>
        {value.reuse!.blocks.map(({ block, sources, targets, values }) => (
          <Scrolls key={block} name={`Dense block ${block}`} kind="wide">
            <table>
              <caption>Dense block {block}</caption>
              <thead>
                <tr>
                  <td />
                  {targets.map(({ name, kind }, i) => (
                    <th key={name}>{i < targets.length - 1 ? `layer ${i + 1}` : kind}</th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {sources.map(({ name }, s) => (
                  <tr key={name}>
                    <th>{s === 0 ? 'input' : `layer ${s}`}</th>
                    {values[s]!.map((cell, t) => (
                      <td key={targets[t]!.name}>{s > t ? '' : figure(cell)}</td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </Scrolls>
        ))}
      </details>
    </>
  )
}
