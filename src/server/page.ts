// The page at /: drop an image, see what it is. One file, nothing from elsewhere; the policy allows exactly its own style
// and script.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { html, raw } from 'hono/html'
import { DenseNetError } from '../errors.js'
import { errorCode } from '../node/files.js'
import { PAGE_STYLE } from '../util/page-style.js'

const STYLE = `${PAGE_STYLE}
body { max-width: 46rem; min-height: 100vh }
header { margin-bottom: 1.25rem }
#zone { display: grid; justify-items: center; gap: .35rem; padding: 2.25rem 1rem; text-align: center;
  border: 2px dashed var(--soft); border-radius: 14px; background: var(--panel); cursor: pointer }
#zone:hover, #zone.over { border-color: var(--bar) }
#zone.over { border-style: solid }
#zone:focus-within { outline: 3px solid var(--bar); outline-offset: 3px }
#zone svg { width: 2.6rem; height: 2.6rem; stroke: var(--bar); fill: none; stroke-width: 1.6 }
#zone strong { font-size: 1.1rem }
#zone span { color: var(--soft) }
#file, .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
.card { display: grid; grid-template-columns: 11rem 1fr; gap: 1.1rem; margin-top: 1.1rem; padding: 1rem;
  background: var(--panel); border: 1px solid var(--line); border-radius: 14px }
.card img { width: 100%; max-height: 11rem; object-fit: contain; border-radius: 8px; background: var(--back) }
.answer { min-width: 0; grid-column: -2 }
.answer h2 { margin: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.state { margin: .1rem 0 .6rem; font-variant-numeric: tabular-nums }
.state.error { color: color-mix(in srgb, rgb(var(--wrong)) 75%, var(--text)) }
.bars { list-style: none; margin: 0; padding: 0; display: grid; gap: .55rem }
.bars li { display: grid; grid-template-columns: 1fr auto; gap: .15rem .8rem }
.bars li:first-child { font-weight: 600 }
.label { overflow-wrap: anywhere }
.number { font-variant-numeric: tabular-nums }
.bar { grid-column: 1 / -1; height: .45rem; border-radius: 1rem; background: var(--line); overflow: hidden }
.bar span { display: block; height: 100%; width: calc(100% * var(--share)); min-width: 2px; border-radius: 1rem;
  background: var(--bar) }
footer { margin-top: 2rem; font-size: .9rem }
a { color: var(--bar) }
.card:not(:has(img)) { grid-template-columns: 1fr }
@media (max-width: 34rem) {
  body { padding: 1rem }
  .card { grid-template-columns: 1fr }
  .card img { max-height: 60vw }
}
`

const BODY = html`
<header><h1 id="name">densenet</h1><p id="facts">What is in this image?</p></header>
<main>
<label id="zone" for="file">
<svg viewBox="0 0 24 24" aria-hidden="true"><rect x="3" y="4" width="18" height="16" rx="2.5"/><circle cx="8.5" cy="9.5" r="1.6"/><path d="m4 18 5.5-5.5 3.5 3.5 3-3 4.5 4.5"/></svg>
<strong>Choose images</strong>
<span>or drop or paste them here</span>
<input id="file" type="file" accept="image/jpeg,image/png,image/webp,image/gif,image/tiff" multiple>
</label>
<p id="status" class="hidden" role="status"></p>
<section id="answers" aria-label="Answers"></section>
</main>
<footer><p>Images stay on this server's machine and are not kept. For programs: <a href="/openapi.json">the API</a>, <a href="/v1/model">the network</a>, <a href="/metrics">metrics</a>.</p></footer>
`

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M1 13h14M3 13V7m4 6V3m4 10V6m3 7V9' stroke='%233b74c4' stroke-width='2'/%3E%3C/svg%3E"

/** Built from web/serve. */
const SCRIPT = readScript(new URL('./page/script.js', import.meta.url))

function readScript(file: URL): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT') throw cause
    throw new DenseNetError('the page of the server is not built', { hint: 'npm run build', cause })
  }
}

export const PAGE = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>densenet</title>
<link rel="icon" href="${ICON}">
<style>${raw(STYLE)}</style>
</head>
<body>${BODY}<script type="module">${raw(SCRIPT)}</script>
</body>
</html>
`

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

export const PAGE_HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    `style-src ${hashOf(STYLE)}`,
    `script-src ${hashOf(SCRIPT)}`,
    'img-src blob: data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Referrer-Policy': 'no-referrer',
}
