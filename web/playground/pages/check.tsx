// How well the network does on pictures that it was not shown, and where it looked when it was wrong.
import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { Findings } from '../../evaluation/findings.js'
import { check, checked, checking } from '../check.js'
import { HeatLayer } from '../heat.js'
import { taught } from '../network.js'
import { attempt } from '../notice.js'
import { fingerprintOf, history, pictures } from '../project.js'
import { addressOf } from '../route.js'
import { going } from '../trainings.js'

/** Whether it is shown where the network looked. */
const looked = signal(true)

export function CheckPage() {
  const network = taught.value
  const held = pictures.value.filter(({ heldOut }) => heldOut).length
  const known = network !== null && pictures.value.every(({ label }) => network.classes.includes(label))
  const can = network !== null && going.value === null && held > 0 && known
  useEffect(() => {
    if (can) attempt(check)
  })
  if (network === null) {
    return (
      <div class="empty">
        <h1>Nothing to check yet</h1>
        <p>
          Once a network is trained, its answers on the held-out pictures stand here.{' '}
          <a href={addressOf('train')}>Train</a> one first.
        </p>
      </div>
    )
  }
  if (going.value !== null) return <p class="empty">The network is being trained. Come back when it is done.</p>
  if (held === 0)
    return <p class="empty">No pictures are held out. Choose some among your pictures, and hold them out.</p>
  if (!known) {
    return (
      <p class="empty">
        The classes have changed since the training. <a href={addressOf('train')}>Train</a> again.
      </p>
    )
  }
  const found = checked.value
  if (found === null || found.network !== network) {
    return <p class="empty">{checking.value ? 'Looking at the held-out pictures …' : ''}</p>
  }
  const stale = history.value.at(-1)?.of !== fingerprintOf()
  return (
    <>
      <h1 class="visually-hidden">Check</h1>
      <p class="soft">
        {held === 1 ? 'One picture was' : `${held} pictures were`} held out: the network was never trained on them.
      </p>
      {stale && <p class="stale">The pictures have changed since the training.</p>}
      {found.heats.length > 0 && (
        <label class="check">
          <input
            type="checkbox"
            checked={looked.value}
            onChange={event => {
              looked.value = event.currentTarget.checked
            }}
          />
          Mark in each mistake what spoke for the wrong answer (Grad-CAM)
        </label>
      )}
      <Findings
        evaluation={found.evaluation}
        best={false}
        over={place => looked.value && found.heats[place] && <HeatLayer heat={found.heats[place]} />}
      />
    </>
  )
}
