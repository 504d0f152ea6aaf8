// What the page of `densenet serve` does: sends images, shows answers. Texts enter the page as text only.
import type { Classification, Failure, ModelFacts, SegmentedImage, SegmentedImages } from '../../src/server/schemas.js'

const byId = (id: string): HTMLElement => document.getElementById(id)!

function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className = '',
  text = '',
): HTMLElementTagNameMap[Tag] {
  return Object.assign(document.createElement(tag), { className, textContent: text })
}

const percent = (share: number): string =>
  share > 0 && share < 0.00005 ? '< 0.01 %' : `${(100 * share).toFixed(share < 0.0995 ? 2 : 1)} %`
const sentence = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}.`

async function showModel(): Promise<void> {
  const answer = await fetch('/v1/model')
  const { name, input, classCount, parameters, backend, pixels } = (await answer.json()) as ModelFacts
  route = pixels ? '/v1/segment' : '/v1/classify'
  document.title = name
  byId('name').textContent = name
  const size = pixels ? 'of each pixel' : `${input.height} x ${input.width} pixels`
  const millions = `${(parameters / 1e6).toPrecision(3)} million parameters`
  byId('facts').textContent = `${classCount} classes, ${size}, ${millions}, ${backend}`
}

/** What is asked: networks say the class of an image, or those of its pixels. */
let route = '/v1/classify'

async function ask(file: File): Promise<Classification | SegmentedImages | Failure> {
  try {
    const headers = { 'Content-Type': 'application/octet-stream' }
    const answer = await fetch(route, { method: 'POST', headers, body: file })
    return (await answer.json()) as Classification | SegmentedImages | Failure
  } catch {
    return { error: 'the server cannot be reached' }
  }
}

async function classify(file: File): Promise<void> {
  const name = file.name || 'pasted image'
  const picture = make('img')
  picture.alt = file.name ? `the image ${file.name}` : 'the image'
  picture.src = URL.createObjectURL(file)
  picture.onerror = () => picture.remove()
  const text = make('div', 'answer')
  const state = make('p', 'state', 'looking …')
  text.append(make('h2', '', name), state)
  const card = make('article', 'card')
  card.append(picture, text)
  byId('answers').prepend(card)
  const start = performance.now()
  const answer = await ask(file)
  const result = 'error' in answer ? answer : answer.results[0]!
  if ('error' in result) {
    const { error } = result
    state.textContent = sentence(error)
    state.classList.add('error')
    byId('status').textContent = `${name}: ${error}`
    return
  }
  if (result.warning) text.append(make('p', 'error', sentence(result.warning)))
  const all = performance.now() - start
  const { milliseconds } = answer as Classification | SegmentedImages
  state.textContent = `${milliseconds.toFixed(0)} ms in the server, ${all.toFixed(0)} ms in all`
  const found = 'predictions' in result ? result.predictions : sharesOf(result, picture)
  const list = make('ol', 'bars')
  list.append(...found.map(bar))
  text.append(list)
  const [best] = found
  byId('status').textContent = `${name}: ${best!.label}, ${percent(best!.probability)}`
}

/** Shows the colours of the classes over the picture, and gives their shares. */
function sharesOf({ overlay, classes }: SegmentedImage, picture: HTMLImageElement) {
  picture.src = `data:image/png;base64,${overlay}`
  return classes.map(({ label, share, colour }) => ({ label, probability: share, colour: `rgb(${colour.join()})` }))
}

function bar({
  label,
  probability,
  colour,
}: {
  readonly label: string
  readonly probability: number
  readonly colour?: string
}): HTMLElement {
  const fill = make('span')
  fill.style.setProperty('--share', String(probability))
  if (colour) fill.style.background = colour
  const bar = make('span', 'bar')
  bar.setAttribute('aria-hidden', 'true')
  bar.append(fill)
  const row = make('li')
  row.append(make('span', 'label', label), make('span', 'number', percent(probability)), bar)
  return row
}

async function classifyAll(files: FileList): Promise<void> {
  for (const file of [...files]) await classify(file)
}

const input = byId('file') as HTMLInputElement
input.addEventListener('change', () => {
  void classifyAll(input.files!)
  input.value = ''
})

const zone = byId('zone')
let depth = 0
function mark(change: number): void {
  depth = Math.max(0, depth + change)
  zone.classList.toggle('over', depth > 0)
}
addEventListener('dragenter', event => {
  event.preventDefault()
  mark(1)
})
addEventListener('dragleave', () => mark(-1))
addEventListener('dragover', event => event.preventDefault())
addEventListener('drop', event => {
  event.preventDefault()
  mark(-depth)
  void classifyAll(event.dataTransfer!.files)
})
addEventListener('paste', event => void classifyAll(event.clipboardData!.files))

// What the network is can be missing; what it answers says so.
showModel().catch(() => {})
