// What is done once, when the page is opened.

/** Whether no other tab has the project: two would write over each other. Held as long as the page is open. */
export function alone(): Promise<boolean> {
  return new Promise(resolve => {
    void navigator.locks.request('densenet playground', { ifAvailable: true }, lock => {
      resolve(lock !== null)
      return lock && new Promise(() => {})
    })
  })
}

/** Keeps the page for when there is no network. On hosts that do not send the headers of isolation the service worker does:
 * then the page is loaded once more, and has threads. */
export async function keepOffline(): Promise<void> {
  if (!('serviceWorker' in navigator)) return
  const registered = navigator.serviceWorker.register('./service-worker.js').catch(error => {
    console.warn(`this page will not work offline: ${(error as Error).message}`)
    return null
  })
  if (crossOriginIsolated || sessionStorage.getItem('loaded again') !== null) return
  if (!(await registered)) return
  await navigator.serviceWorker.ready
  sessionStorage.setItem('loaded again', 'yes')
  location.reload()
  await new Promise(() => {})
}
