// The numbers of a network: its first filters, histograms of its tensors, and how they went from epoch to epoch.
import { useSignal } from '@preact/signals'
import type { CheckpointName, InspectionPicture, RunSummary } from '../api.js'
import { Failed } from '../failed.js'
import { CheckpointChoice, Choice } from '../inspect/choice.js'
import { Picture, Rows } from '../inspect/picture.js'
import { useRoom } from '../inspect/use-room.js'
import { useAnswer } from '../use-answer.js'

const WHICH = [
  ['', 'convolutions and classifier'],
  ['*norm*', 'batch norms'],
  ['*', 'all'],
] as const

export function WeightsPage({ run }: { run: RunSummary }) {
  const checkpoint = useSignal<CheckpointName>('last')
  const tensors = useSignal('')
  const { place, room } = useRoom()
  const query = { run: run.id, checkpoint: checkpoint.value }
  const chosen = {
    ...query,
    ...(tensors.value === '' ? {} : { tensors: tensors.value }),
    room: String(room.value ?? ''),
  }
  return (
    <>
      <h1>Weights</h1>
      <div class="toolbar">
        <CheckpointChoice chosen={checkpoint} />
        <Choice
          name="tensors"
          value={tensors.value}
          options={WHICH}
          choose={value => {
            tensors.value = value
          }}
        />
      </div>
      <div ref={place} class="findings">
        {room.value !== null && (
          <>
            <Look title="Epoch by epoch" path="layers" query={chosen} when={run.epochsDone} rows={null} />
            <Look
              title="Filters of the first convolution"
              path="filters"
              query={chosen}
              when={run.epochsDone}
              rows={null}
            />
            <Look title="Histograms" path="weights" query={chosen} when={run.epochsDone} rows="Statistics as a table" />
          </>
        )}
      </div>
    </>
  )
}

interface LookProps {
  readonly title: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly when: number
  readonly rows: string | null
}

function Look({ title, path, query, when, rows }: LookProps) {
  const { value, failure } = useAnswer<InspectionPicture>(`inspect/${path}`, query, when)
  return (
    <section>
      <h2>{title}</h2>
      {failure && <Failed failure={failure} />}
      {!failure && !value && <p class="empty">Reading …</p>}
      {value && <Picture svg={value.svg} name={title} />}
      {value?.rows && rows !== null && <Rows rows={value.rows} title={rows} />}
    </section>
  )
}
