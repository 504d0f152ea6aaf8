// A button that lets one choose files.
import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { chosen, type Given } from './files.js'
import { attempt } from './notice.js'

interface FileButtonProps {
  readonly onFiles: (given: readonly Given[]) => unknown
  readonly accept?: string
  readonly multiple?: boolean
  /** A folder, with all that is in it. */
  readonly folder?: boolean
  readonly main?: boolean
  readonly disabled?: boolean
  readonly label?: string
  readonly children: ComponentChildren
}

export function FileButton({ onFiles, accept, multiple, folder, main, disabled, label, children }: FileButtonProps) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <button
        type="button"
        class={main ? 'main' : ''}
        disabled={disabled}
        aria-label={label}
        onClick={() => input.current!.click()}
      >
        {children}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        accept={accept}
        multiple={multiple}
        {...(folder ? { webkitdirectory: true } : {})}
        onChange={event => {
          const given = chosen(event.currentTarget.files)
          event.currentTarget.value = ''
          if (given.length > 0) attempt(() => onFiles(given))
        }}
      />
    </>
  )
}
