// Releasing what was taken, whatever happens in between.

/** Runs `work`; what it hands to `later` is called afterwards, last first. When `work` failed, its error is the one
 * that counts. */
export async function withCleanup<T>(work: (later: (release: () => unknown) => void) => Promise<T>): Promise<T> {
  const releases: (() => unknown)[] = []
  let failed = true
  try {
    const result = await work(release => releases.push(release))
    failed = false
    return result
  } finally {
    for (const release of releases.reverse()) {
      try {
        await release()
      } catch (error) {
        // biome-ignore lint/correctness/noUnsafeFinally: nothing went wrong before
        if (!failed) throw error
      }
    }
  }
}
