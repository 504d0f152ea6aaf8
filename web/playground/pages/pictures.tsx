// The classes and their pictures.
import { signal, useSignal } from '@preact/signals'
import { plural } from '../../format.js'
import { ClassCard } from '../class-card.js'
import { touchedClass } from '../current.js'
import { FileButton } from '../file-button.js'
import { unready } from '../network.js'
import { addClass, classes, pictures } from '../project.js'
import { addressOf } from '../route.js'
import { takeIn } from '../take-in.js'

/** Whose camera is on. */
const filmed = signal<string | null>(null)

export function PicturesPage() {
  const all = pictures.value
  const none = classes.value.length === 0
  const lacking = unready()
  return (
    <>
      {none ? <Welcome /> : <h1 class="visually-hidden">Pictures</h1>}
      <div class="toolbar start">
        <NewClass />
        <FileButton folder onFiles={given => takeIn(given)}>
          Folders of pictures …
        </FileButton>
        {none && (
          <FileButton accept=".zip" onFiles={given => takeIn(given)}>
            Project …
          </FileButton>
        )}
      </div>
      {!none && (
        <>
          <ul class="classes">
            {classes.value.map(label => (
              <li key={label}>
                <ClassCard
                  label={label}
                  filmed={filmed.value === label}
                  onFilm={on => {
                    filmed.value = on ? label : null
                  }}
                />
              </li>
            ))}
          </ul>
          <p class="next">
            {lacking === null ? (
              <>
                <a class="button main" href={addressOf('train')}>
                  Train
                </a>
                <span class="soft">
                  {plural(all.length, 'picture')} of{' '}
                  {plural(classes.value.length, 'class').replace(/classs$/, 'classes')},{' '}
                  {all.filter(({ heldOut }) => heldOut).length} held out (ringed). Choose pictures to move, remove or
                  hold them out.
                </span>
              </>
            ) : (
              <span class="soft">{lacking}</span>
            )}
          </p>
        </>
      )}
    </>
  )
}

function Welcome() {
  return (
    <div class="welcome">
      <h1>Teach a network to tell your own things apart</h1>
      <ol class="plan">
        <li>
          <b>Name two classes or more</b> Give each a dozen pictures or more: from the camera, from files, by dropping
          or pasting them.
        </li>
        <li>
          <b>Train</b> A network that has seen many pictures before learns yours in seconds.
        </li>
        <li>
          <b>See what it has learnt</b> On pictures it was not shown, and live before the camera. Take it away as a
          file.
        </li>
      </ol>
      <p class="soft">
        Nothing leaves this machine: pictures, network and training are in this browser, and stay there until you take
        them away.
      </p>
    </div>
  )
}

function NewClass() {
  const name = useSignal('')
  return (
    <form
      class="new-class"
      onSubmit={event => {
        event.preventDefault()
        const made = addClass(name.value)
        if (made === null) return
        touchedClass.value = made
        name.value = ''
      }}
    >
      <input
        type="text"
        aria-label="Name of a new class"
        placeholder="New class, such as “mug”"
        value={name.value}
        onInput={event => {
          name.value = event.currentTarget.value
        }}
      />
      <button type="submit" class={classes.value.length < 2 ? 'main' : ''}>
        Add class
      </button>
    </form>
  )
}
