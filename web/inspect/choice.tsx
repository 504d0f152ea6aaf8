// A list to choose one thing from, with its name before it.
import type { Signal } from '@preact/signals'
import type { CheckpointName } from '../api.js'

interface ChoiceProps {
  readonly name: string
  readonly value: string
  /** [value, title] */
  readonly options: readonly (readonly [string, string])[]
  readonly choose: (value: string) => void
}

export function Choice({ name, value, options, choose }: ChoiceProps) {
  return (
    <label>
      {name}{' '}
      <select value={value} onChange={event => choose(event.currentTarget.value)}>
        {options.map(([option, title]) => (
          <option key={option} value={option}>
            {title}
          </option>
        ))}
      </select>
    </label>
  )
}

const CHECKPOINTS = [
  ['last', 'the last one'],
  ['best', 'the best one'],
] as const

/** Which of a run's checkpoints is looked at. */
export function CheckpointChoice({ chosen }: { readonly chosen: Signal<CheckpointName> }) {
  const choose = (value: string): void => {
    chosen.value = value as CheckpointName
  }
  return <Choice name="checkpoint" value={chosen.value} options={CHECKPOINTS} choose={choose} />
}
