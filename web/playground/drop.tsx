// The whole page takes what is dropped on it, or pasted.
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { currentClass } from './current.js'
import { dropped } from './files.js'
import { attempt } from './notice.js'
import { takeIn } from './take-in.js'

/** The class below an element, by its card. */
const classAt = (target: EventTarget | null): string | undefined =>
  (target as Element | null)?.closest<HTMLElement>('[data-class]')?.dataset.class

export function DropTarget({ children }: { children: ComponentChildren }) {
  const over = useSignal(false)
  useEffect(() => {
    const paste = (event: ClipboardEvent): void => {
      const files = [...(event.clipboardData?.files ?? [])]
      if (files.length === 0) return
      event.preventDefault()
      const given = files.map(file => ({ file, folders: [] }))
      attempt(() => takeIn(given, classAt(event.target) ?? currentClass.value ?? undefined))
    }
    addEventListener('paste', paste)
    return () => removeEventListener('paste', paste)
  }, [])
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: everything that can be dropped can be chosen with keys
    <div
      class={`everything${over.value ? ' over' : ''}`}
      onDragOver={event => {
        event.preventDefault()
        over.value = true
      }}
      onDragLeave={event => {
        if (event.relatedTarget === null) over.value = false
      }}
      onDrop={event => {
        event.preventDefault()
        over.value = false
        const label = classAt(event.target)
        const given = dropped(event.dataTransfer!)
        attempt(async () => takeIn(await given, label))
      }}
    >
      {children}
    </div>
  )
}
