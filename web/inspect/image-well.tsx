// Takes an image: by the file picker, or dropped anywhere on the page.
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'

interface ImageWellProps {
  readonly file: File | null
  readonly choose: (file: File) => void
}

export function ImageWell({ file, choose }: ImageWellProps) {
  const input = useRef<HTMLInputElement>(null)
  const over = useSignal(false)
  useEffect(() => {
    const drag = (event: DragEvent): void => {
      if (!event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      over.value = true
    }
    const leave = (event: DragEvent): void => {
      if (event.relatedTarget === null) over.value = false
    }
    const drop = (event: DragEvent): void => {
      event.preventDefault()
      over.value = false
      const dropped = event.dataTransfer?.files[0]
      if (dropped) choose(dropped)
    }
    addEventListener('dragover', drag)
    addEventListener('dragleave', leave)
    addEventListener('drop', drop)
    return () => {
      removeEventListener('dragover', drag)
      removeEventListener('dragleave', leave)
      removeEventListener('drop', drop)
    }
  }, [])
  return (
    <div class={`well${over.value ? ' over' : ''}`}>
      <button type="button" class={file === null ? 'main' : ''} onClick={() => input.current?.click()}>
        {file === null ? 'Choose an image' : 'Another image'}
      </button>
      <input
        ref={input}
        type="file"
        accept="image/jpeg,image/png,image/webp,image/gif,image/tiff"
        aria-label="Image"
        class="visually-hidden"
        tabIndex={-1}
        onChange={event => {
          const chosen = event.currentTarget.files?.[0]
          if (chosen) choose(chosen)
        }}
      />
      <span class="soft">{over.value ? 'let go to look at it' : (file?.name ?? 'or drop one anywhere here')}</span>
    </div>
  )
}
