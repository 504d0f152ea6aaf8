import type { ApiError, Failure } from './api.js'

/** What went wrong, and what to do. */
export function Failed({ failure }: { failure: ApiError | Failure }) {
  const sentence = 'error' in failure ? failure.error : failure.message
  return (
    <div class="failure" role="alert">
      <p>{sentence}</p>
      {failure.hint && <p class="soft">{failure.hint}</p>}
    </div>
  )
}
