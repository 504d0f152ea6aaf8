// Keeps every file of the playground, so that it works without a network once it has been loaded, and gives them the headers
// that let it have threads, on hosts that cannot. FACTS, { version, files, headers }, is written before this by
// src/playground/files.ts.
const CACHE = `densenet-playground-${FACTS.version}`

addEventListener('install', event => {
  // Past the browser's own cache, where an older version may be.
  const wanted = ['./', ...FACTS.files].map(file => new Request(file, { cache: 'reload' }))
  event.waitUntil(caches.open(CACHE).then(cache => cache.addAll(wanted)))
})

addEventListener('activate', event => {
  const outdated = name => name.startsWith('densenet-playground-') && name !== CACHE
  const clear = async () => {
    await Promise.all((await caches.keys()).filter(outdated).map(name => caches.delete(name)))
    await clients.claim()
  }
  event.waitUntil(clear())
})

addEventListener('fetch', event => {
  const { request } = event
  if (request.method === 'GET' && new URL(request.url).origin === location.origin) event.respondWith(answer(request))
})

async function answer(request) {
  const kept = await (await caches.open(CACHE)).match(request, { ignoreSearch: true })
  const response = kept ?? (await fetch(request))
  if (response.type === 'opaqueredirect' || response.status === 0) return response
  const headers = new Headers(response.headers)
  for (const [name, value] of Object.entries(FACTS.headers)) headers.set(name, value)
  const { status, statusText } = response
  return new Response(response.body, { status, statusText, headers })
}
