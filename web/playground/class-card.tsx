// A class: its name, its pictures, and where they come from.
import { useSignal } from '@preact/signals'
import { plural } from '../format.js'
import { Capture } from './capture.js'
import { touchedClass } from './current.js'
import { FileButton } from './file-button.js'
import { attempt } from './notice.js'
import { addressOf } from './picture.js'
import {
  changePictures,
  classes,
  type Picture,
  picturesOf,
  removeClass,
  removePictures,
  renameClass,
} from './project.js'
import { takeIn } from './take-in.js'

/** So many are drawn at first: a series of a camera is long. */
const FIRST = 60

interface ClassCardProps {
  readonly label: string
  readonly filmed: boolean
  readonly onFilm: (on: boolean) => void
}

export function ClassCard({ label, filmed, onFilm }: ClassCardProps) {
  const selected = useSignal<ReadonlySet<string>>(new Set())
  const own = picturesOf(label)
  const chosen = own.filter(({ id }) => selected.value.has(id))
  const held = own.filter(({ heldOut }) => heldOut).length
  return (
    <section
      class="class"
      aria-label={label}
      data-class={label}
      onFocusCapture={() => {
        touchedClass.value = label
      }}
    >
      <header>
        <input
          class="name"
          type="text"
          aria-label={`Name of the class ${label}`}
          value={label}
          onChange={event => {
            const renamed = renameClass(label, event.currentTarget.value)
            event.currentTarget.value = renamed
            if (filmed) onFilm(true)
          }}
        />
        <span class="soft count">
          {own.length === 0 ? 'no pictures' : `${plural(own.length, 'picture')}, ${held} held out`}
        </span>
        <button
          type="button"
          class="plain"
          aria-label={`Remove the class ${label}`}
          onClick={() => {
            if (own.length === 0 || confirm(`Remove ${label} and its ${plural(own.length, 'picture')}?`)) {
              attempt(() => removeClass(label))
            }
          }}
        >
          ✕
        </button>
      </header>
      <div class="actions">
        <button type="button" aria-pressed={filmed} aria-label={`Camera for ${label}`} onClick={() => onFilm(!filmed)}>
          Camera
        </button>
        <FileButton multiple accept="image/*" label={`Files for ${label}`} onFiles={given => takeIn(given, label)}>
          Files …
        </FileButton>
        <span class="soft hint">or drop or paste them here</span>
      </div>
      {filmed && <Capture label={label} />}
      <Pictures
        label={label}
        own={own}
        selected={selected.value}
        onToggle={id => {
          const next = new Set(selected.value)
          if (!next.delete(id)) next.add(id)
          selected.value = next
        }}
      />
      {chosen.length > 0 && (
        <Selection
          label={label}
          chosen={chosen}
          onDone={() => {
            selected.value = new Set()
          }}
        />
      )}
    </section>
  )
}

interface PicturesProps {
  readonly label: string
  readonly own: readonly Picture[]
  readonly selected: ReadonlySet<string>
  readonly onToggle: (id: string) => void
}

function Pictures({ label, own, selected, onToggle }: PicturesProps) {
  const all = useSignal(false)
  if (own.length === 0) return null
  const shown = all.value ? own : own.slice(-FIRST)
  return (
    <>
      <ul class="thumbs">
        {shown.map(({ id, file, heldOut, image }) => (
          <li key={id}>
            <button
              type="button"
              class={heldOut ? 'held' : ''}
              aria-pressed={selected.has(id)}
              aria-label={`${file} of ${label}${heldOut ? ', held out' : ''}`}
              title={heldOut ? `${file}, held out` : file}
              onClick={() => onToggle(id)}
            >
              <img src={addressOf(image)} alt="" loading="lazy" />
            </button>
          </li>
        ))}
      </ul>
      {own.length > shown.length && (
        <button
          type="button"
          class="plain"
          onClick={() => {
            all.value = true
          }}
        >
          Show all {own.length}
        </button>
      )}
    </>
  )
}

interface SelectionProps {
  readonly label: string
  readonly chosen: readonly Picture[]
  readonly onDone: () => void
}

function Selection({ label, chosen, onDone }: SelectionProps) {
  const ids = new Set(chosen.map(({ id }) => id))
  const held = chosen.every(({ heldOut }) => heldOut)
  return (
    <div class="actions selection" role="toolbar" aria-label={`Chosen pictures of ${label}`}>
      <span>{chosen.length} chosen</span>
      <button
        type="button"
        onClick={() => {
          changePictures(ids, { heldOut: !held })
          onDone()
        }}
      >
        {held ? 'Train on them' : 'Hold out'}
      </button>
      <select
        aria-label="Move them to another class"
        value=""
        onChange={event => {
          changePictures(ids, { label: event.currentTarget.value })
          onDone()
        }}
      >
        <option value="">Move to …</option>
        {classes.value
          .filter(other => other !== label)
          .map(other => (
            <option key={other}>{other}</option>
          ))}
      </select>
      <button
        type="button"
        onClick={() => {
          attempt(() => removePictures(chosen))
          onDone()
        }}
      >
        Remove
      </button>
      <button type="button" class="plain" onClick={onDone}>
        Choose none
      </button>
    </div>
  )
}
